"""The all-in-one hub under the hands of people and of the kernel: it starts whole, heals, and leaves nothing behind."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGTERM, Signals

import httpx2
import psutil
import pytest

from tests.support.hub import run_hub
from tests.support.up import UpProcess, up_environment
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(150)]


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[UpProcess]:
    up = UpProcess(tmp_path / "data", tmp_path / "up.log")
    yield up
    up.destroy()


async def offset_of(up: UpProcess) -> tuple[str, int] | None:
    """The demo page's position; None while the hub cannot tell."""
    async with httpx2.AsyncClient(base_url=up.base_url, timeout=5) as client:
        try:
            answer = await client.get("/api/v1/pages/demo/snapshot")
        except httpx2.TransportError:
            return None
    if answer.status_code != 200:
        return None
    data = answer.json()["data"]
    return data["epoch"], data["offset"]


def are_gone(family: list[psutil.Process]) -> bool:
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in family)


async def test_data_and_sign_in_stay_over_a_restart_and_a_signal_ends_every_child(up: UpProcess):
    await up.start()
    first = await offset_of(up)
    assert first is not None
    password, family = up.password, up.family()
    assert await up.end(SIGTERM) == 0, up.log
    assert are_gone(family)
    assert not (up.data_dir / "run.json").exists()

    await up.start()
    assert up.password == password
    second = await offset_of(up)
    assert second is not None
    assert second[0] == first[0]
    assert second[1] >= first[1]
    family = up.family()
    assert await up.end(SIGINT) == 0, up.log
    assert are_gone(family)


async def test_a_killed_parent_takes_every_child_along_and_the_next_start_works(up: UpProcess):
    await up.start()
    family = up.family()
    names = " ".join(" ".join(process.cmdline()) for process in family)
    assert all(part in names for part in ("bin/postgres", "valkey-server", "hub serve", "tasks worker", "tasks beat"))
    await up.end(SIGKILL)
    await wait_until(lambda: are_gone(family), within_s=20)
    await up.start()  # over whatever the crash left: pid files, sockets, run.json
    assert await offset_of(up)


async def test_a_killed_part_comes_back_and_nothing_is_lost(up: UpProcess):
    await up.start()
    before = await offset_of(up)
    assert before is not None
    for words in ("bin/postgres", "valkey-server", "hub serve", "tasks worker", "tasks beat"):
        victim = up.part(words)
        victim.kill()
        await wait_until(lambda words=words, victim=victim: is_back(up, words, victim.pid), within_s=20)

    async def position() -> bool:
        now = await offset_of(up)
        return now is not None and now[0] == before[0] and now[1] >= before[1]

    await wait_until(position, within_s=20)


def is_back(up: UpProcess, words: str, old_pid: int) -> bool:
    try:
        return up.part(words).pid != old_pid
    except (AssertionError, psutil.Error):
        return False


async def test_other_commands_reach_the_running_hub_and_a_second_copy_is_refused(up: UpProcess):
    await up.start()
    env = up_environment(up.data_dir)

    doctor = await run_hub("doctor", env=env)
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    assert "BAD" not in doctor.stdout

    token = await run_hub("token", up.email, env=env)
    assert token.returncode == 0, token.stderr
    async with httpx2.AsyncClient(base_url=up.base_url) as client:
        me = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {token.stdout.strip()}"})
    assert me.status_code == 200
    assert len(token.stdout.splitlines()) == 1

    second = await run_hub("up", env=env)
    assert second.returncode != 0
    assert second.stderr == f"hub: another hub is running on the data directory {up.data_dir}\n"
    assert await offset_of(up)


async def test_a_busy_port_is_one_clear_line_and_nothing_is_changed(tmp_path: Path):
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # even another one that would share it
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = await run_hub("up", env=up_environment(tmp_path / "data", HUB_PORT=str(port)))
    assert done.returncode == 1
    assert done.stderr == f"hub: 127.0.0.1:{port} is in use; choose another with HUB_HOST and HUB_PORT\n"
    assert not (tmp_path / "data").exists()


async def test_an_unreachable_database_is_one_clear_line_and_nothing_is_changed(tmp_path: Path):
    env = up_environment(tmp_path / "data", DATABASE_URL="postgresql://hub:secret@127.0.0.1:9/hub")
    done = await run_hub("up", env=env)
    assert done.returncode == 1
    assert done.stderr.startswith("hub: the database hub at 127.0.0.1:9 cannot be reached: ")
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr
    assert not (tmp_path / "data").exists()


async def test_data_of_another_postgres_version_is_one_clear_line(tmp_path: Path):
    cluster = tmp_path / "data" / "postgres"
    cluster.mkdir(parents=True, mode=0o700)
    (cluster / "PG_VERSION").write_text("12\n")
    done = await run_hub("up", env=up_environment(tmp_path / "data"))
    assert done.returncode == 1
    assert "was written by PostgreSQL 12 and this hub brings PostgreSQL" in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in cluster.iterdir()] == ["PG_VERSION"]


@pytest.mark.parametrize("sig", [SIGINT, SIGTERM])
async def test_a_signal_during_the_start_ends_it_in_order(up: UpProcess, sig: Signals):
    process = up.launch()
    await wait_until(lambda: "ready to accept connections" in up.log, within_s=30)
    family = up.family()
    assert await up.end(sig) == 0, up.log
    assert are_gone(family)
    assert process.returncode == 0
