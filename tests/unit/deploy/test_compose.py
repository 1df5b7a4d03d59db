"""The compose file, as far as it can be judged without an engine."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+)(?::-([^}]*))?\}")
OURS = ("migrate", "app", "worker", "beat", "flower")


def test_it_follows_the_compose_specification() -> None:
    compose_spec = pytest.importorskip("compose_spec", reason="the package compose-spec judges the file")
    plain = yaml.safe_dump({key: value for key, value in COMPOSE.items() if not key.startswith("x-")})
    parsed = compose_spec.PyCompose.from_yaml(VARIABLE.sub(lambda match: match[2] or "1", plain))
    assert set(parsed.service_names()) == set(SERVICES)
    parsed.validate()


def test_it_has_every_part_of_the_hub() -> None:
    assert set(SERVICES) == {"db", "redis", *OURS}
    assert SERVICES["db"]["image"] == "postgres:17"
    assert SERVICES["redis"]["image"] == "redis:7"


@pytest.mark.parametrize("name", SERVICES)
def test_whoever_is_waited_for_says_when_he_is_ready(name: str) -> None:
    waits: dict[str, dict[str, str]] = SERVICES[name].get("depends_on", {})
    for other, wait in waits.items():
        match wait["condition"]:
            case "service_healthy":
                assert SERVICES[other]["healthcheck"]["test"]
            case "service_completed_successfully":
                assert SERVICES[other]["restart"] == "no"
            case condition:
                pytest.fail(f"{name} waits for {other} to be {condition}, which proves nothing")


@pytest.mark.parametrize("name", ["app", "worker", "beat", "flower"])
def test_nothing_starts_before_servers_and_tables_are_there(name: str) -> None:
    assert set(SERVICES[name]["depends_on"]) == {"db", "redis", "migrate"}


@pytest.mark.parametrize("name", OURS)
def test_our_containers_hold_no_right_they_do_not_need(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert "user" not in service  # the image's own, which is not root


def test_only_the_hub_is_published_to_the_world() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"app", "flower"}
    assert all(port.startswith("127.0.0.1:") for port in published["flower"])
    assert COMPOSE["networks"]["backend"]["internal"] is True
    assert SERVICES["db"]["networks"] == SERVICES["redis"]["networks"] == ["backend"]


def test_every_variable_is_described_and_has_a_default() -> None:
    described = (ROOT / ".env.example").read_text()
    found = VARIABLE.findall(TEXT)
    assert found
    for name, default in found:
        assert f"#{name}={default}" in described


def test_every_file_it_names_is_there() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (ROOT / source).is_file(), volume
        for entry in service.get("env_file", ()):
            path = entry if isinstance(entry, str) else entry["path"]
            is_required = isinstance(entry, str) or entry.get("required", True)
            assert (ROOT / path).is_file() or not is_required


@pytest.mark.parametrize("name", ["app", "worker", "beat", "flower"])
def test_commands_and_health_checks_are_those_of_the_scripts(name: str) -> None:
    entry = (ROOT / "docker/entrypoint.sh").read_text()
    command = SERVICES[name]["command"][0]
    assert re.search(rf"^ +(\w+ \| )*{command}( \| \w+)*\)$", entry, re.MULTILINE), command
    check = SERVICES[name].get("healthcheck", {}).get("test")
    if check is not None:
        script = ROOT / check[1].removeprefix("/app/")
        assert script.is_file()
        assert os.access(script, os.X_OK)
        assert f"    {check[2]})" in script.read_text()


def test_the_image_installs_first_and_does_not_run_as_root() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    stages = [line for line in lines if line.startswith("FROM ")]
    assert all("-slim" in line for line in stages)
    assert lines.index("COPY requirements.txt .") < lines.index("COPY hub ./hub")
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
    assert any(line.startswith("HEALTHCHECK ") for line in lines)


def test_the_image_takes_in_every_package_of_the_program_and_no_secret() -> None:
    copied = set(re.findall(r"^COPY (\w[\w.-]*) ", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    assert copied == {
        "alembic.ini",
        "client_demo",
        "docker",
        "hub",
        "migrations",
        "models",
        "requirements.txt",
        "tasks",
    }
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == copied
    assert all((ROOT / name).exists() for name in copied - {"requirements.txt"})
