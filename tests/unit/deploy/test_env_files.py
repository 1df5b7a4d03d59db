""".env.example lists every setting with its default; .env-non-dev names nothing else."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from hub.settings import Settings

ROOT = Path(__file__).parents[3]
CONTAINERS_ONLY = {
    "POSTGRES_USER",
    "POSTGRES_PASSWORD",
    "POSTGRES_DB",
    "HUB_PUBLISHED_PORT",
    "FLOWER_PUBLISHED_PORT",
}


def variables(name: str, pattern: str = r"^([A-Z][A-Z0-9_]*)=(.*)$") -> dict[str, str]:
    return dict(re.findall(pattern, (ROOT / name).read_text(), re.MULTILINE))


EXAMPLE = variables(".env.example", r"^#([A-Z][A-Z0-9_]*)=(.*)$")
FIELDS = {name.upper(): field for name, field in Settings.model_fields.items()}


def test_the_example_lists_every_setting_and_nothing_else() -> None:
    assert set(EXAMPLE) == set(FIELDS) | CONTAINERS_ONLY


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_the_example_shows_the_default(name: str) -> None:
    default = FIELDS[name].default
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    shown = EXAMPLE.get(name)
    if default in (None, "", ()):
        assert shown == ""
    elif isinstance(default, bool):
        assert shown == str(default).lower()
    elif isinstance(default, int | float):
        assert shown is not None
        assert float(shown) == default
    else:
        assert shown == str(default)


def test_the_example_sets_nothing_by_itself() -> None:
    """It can be copied to .env as it is: defaults stay defaults."""
    assert variables(".env.example") == {}


def test_every_unit_of_the_example_is_explained() -> None:
    """A number stands below a comment that says what it counts."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"^#[A-Z0-9_]+_(S|BYTES)=", line):
            assert re.search(r"seconds|bytes", lines[number - 1], re.IGNORECASE), line


def test_the_containers_file_names_known_variables_and_no_secret() -> None:
    named = variables(".env-non-dev")
    assert set(named) <= set(FIELDS) | CONTAINERS_ONLY
    assert not {name for name in named if re.search("PASS|SECRET|KEY|DSN", name)}


def test_the_containers_file_is_a_valid_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    named = variables(".env-non-dev")
    for name in FIELDS:
        monkeypatch.delenv(name, raising=False)
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.sqlalchemy_url == "postgresql+asyncpg://hub@db:5432/hub"
    assert settings.redis_dsn == "redis://redis:6379/0"
    assert (named["POSTGRES_USER"], named["POSTGRES_DB"]) == (named["DB_USER"], named["DB_NAME"])
