"""The command line: what people can cause is told in one line, and nothing is changed."""

import json
import re
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.services.database import Sessions
from tests.support.hub import SECRET_KEY, run_hub
from tests.support.up import up_environment


@pytest.fixture
def env(database_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    return up_environment(tmp_path / "data", DATABASE_URL=database_url, REDIS_URL=redis_url, HUB_SECRET_KEY=SECRET_KEY)


@pytest.mark.parametrize(
    ("command", "changed", "said"),
    [
        (["serve"], {"HUB_PORT": "99999"}, "hub: HUB_PORT is not right: "),
        (["serve"], {"DATABASE_URL": "mysql://x"}, "hub: DATABASE_URL must start with postgresql://"),
        (["serve"], {"HUB_SECRET_KEY": "short"}, "hub: HUB_SECRET_KEY is too short"),
        (["token", "nobody@example.test"], {}, "hub: There is no account with this e-mail address."),
        (["import", "statuspage", "missing.json", "--page", "x"], {}, "hub: missing.json cannot be read: "),
        (["user", "create", "not-an-address", "--password-stdin"], {}, "hub: email: "),
    ],
)
async def test_a_mistake_is_one_clear_line(env: dict[str, str], command: list[str], changed: dict[str, str], said: str):
    done = await run_hub(*command, env=env | changed, stdin="correct horse battery\n")
    assert done.returncode == 1
    assert done.stderr.startswith(said), done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


async def test_without_a_database_the_way_out_is_named(tmp_path: Path):
    done = await run_hub("serve", env=up_environment(tmp_path))
    assert done.returncode == 1
    assert done.stderr == "hub: no database configured: set DATABASE_URL or DB_HOST, or use `python -m hub up`\n"


async def test_tables_that_are_behind_are_refused_until_migrated(env: dict[str, str], empty_database_url: str):
    env = env | {"DATABASE_URL": empty_database_url}
    refused = await run_hub("serve", env=env)
    assert refused.returncode == 1
    assert refused.stderr.endswith("run `python -m hub migrate`\n")
    migrated = await run_hub("migrate", env=env)
    assert migrated.returncode == 0, migrated.stderr
    again = await run_hub("migrate", env=env)
    assert again.stdout == migrated.stdout
    doctor = await run_hub("doctor", env=env)
    assert doctor.returncode == 0, doctor.stdout


async def test_an_account_and_its_token(env: dict[str, str], sessions: Sessions):
    made = await run_hub(
        "user", "create", "Ada@Example.test", "--admin", "--password-stdin", env=env, stdin="a long pass phrase\n"
    )
    assert made.returncode == 0, made.stderr
    token = await run_hub("token", "ada@example.test", env=env)
    assert token.stdout.count(".") == 2
    assert token.stdout.count("\n") == 1
    twice = await run_hub(
        "user", "create", "ada@example.test", "--password-stdin", env=env, stdin="a long pass phrase\n"
    )
    assert twice.returncode == 1
    assert twice.stderr == "hub: There is an account with this e-mail address already.\n"
    async with sessions() as session:
        assert (await session.execute(text("SELECT count(*) FROM account"))).scalar_one() == 1


async def test_a_bad_record_is_named_by_its_path_and_nothing_is_imported(
    env: dict[str, str], sessions: Sessions, tmp_path: Path
):
    document = {"page": {"id": "p", "name": "Acme"}, "components": [{"id": "c", "name": "API", "status": "on fire"}]}
    (tmp_path / "bad.json").write_text(json.dumps(document, indent=1))
    done = await run_hub("import", "statuspage", str(tmp_path / "bad.json"), "--page", "acme", env=env)
    assert done.returncode == 1
    assert "components[0].status" in done.stderr
    assert "(line 10, column 14)" in done.stderr
    assert "Traceback" not in done.stderr
    async with sessions() as session:
        assert (await session.execute(text("SELECT count(*) FROM page"))).scalar_one() == 0


async def test_a_real_page_is_imported_once(env: dict[str, str], captures: Path):
    source = str(captures / "twilio-summary.json")
    rehearsed = await run_hub("import", "statuspage", source, "--page", "twilio", "--dry-run", env=env)
    assert rehearsed.returncode == 0, rehearsed.stderr
    assert "would be created" in rehearsed.stdout
    done = await run_hub("import", "statuspage", source, "--page", "twilio", env=env)
    assert done.returncode == 0, done.stderr
    again = await run_hub("import", "statuspage", source, "--page", "twilio", env=env)
    assert re.search(r"[1-9]\d* unchanged", again.stdout), again.stdout
    assert not re.search(r"[1-9]\d* (created|updated)", again.stdout), again.stdout


async def test_a_page_goes_out_by_the_command_line_and_comes_back(
    env: dict[str, str], captures: Path, tmp_path: Path, sessions: Sessions
):
    """Case 118 by hand: stdout and file are the same bytes, and so is the export after the way through a wipe."""
    await run_hub("import", "statuspage", str(captures / "twilio-summary.json"), "--page", "twilio", env=env)
    file = tmp_path / "twilio.json"
    assert "holds the page" in (await run_hub("export", "--page", "twilio", "--output", str(file), env=env)).stdout
    assert (await run_hub("export", "--page", "twilio", env=env)).stdout.encode() == file.read_bytes()
    async with sessions.begin() as session:
        await session.execute(text("DELETE FROM page"))
        await session.execute(text("DELETE FROM channel"))
    rehearsed = await run_hub("import", "page", str(file), "--dry-run", env=env)
    assert rehearsed.stdout.startswith("page twilio: would be created"), rehearsed.stderr
    assert (await run_hub("import", "page", str(file), env=env)).stdout.startswith("page twilio: created")
    assert (await run_hub("import", "page", str(file), env=env)).stdout.startswith("page twilio: left as it is")
    assert (await run_hub("export", "--page", "twilio", env=env)).stdout.encode() == file.read_bytes()
    clash = await run_hub("import", "page", str(file), "--page", "other", env=env)
    assert (clash.returncode, clash.stderr.count("\n")) == (1, 1)
