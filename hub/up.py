"""`python -m hub up`: everything a hub needs, from one command; nothing is left when it ends, however it ends."""

import asyncio
import os
from pathlib import Path
from signal import SIGINT, SIGTERM

from pydantic import SecretStr

from hub.children import Guard
from hub.datadir import demo_sign_in, keep_secret, remove_run_file, write_run_file
from hub.embedded import DataDirectory, Postgres, Server, Valkey
from hub.migrate import upgrade
from hub.one_off import seed_demo
from hub.preflight import check_database, check_redis
from hub.serve import claim_port
from hub.settings import Settings
from hub.supervisor import Child, Program, Stream, python

_ROOT = Path(__file__).parent.parent
_READY_WITHIN_S = 60.0
_GRACE_S = 10.0  # to finish requests, tasks and transactions, beside HUB_DRAIN_S for the sockets


async def up(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM. Raises HubError or EmbeddedError, in one line for people, when it cannot start."""
    directory = DataDirectory(settings.hub_data_dir)
    directory.refuse_if_held()
    port = claim_port(settings.hub_host, settings.hub_port)
    if settings.has_outside_database:
        await check_database(settings.sqlalchemy_url)
    if settings.has_outside_redis:
        await check_redis(settings.redis_dsn)
    directory.acquire()  # from here on something is changed
    try:
        await _AllInOne(settings, directory, port).run()
    finally:
        remove_run_file(directory.path)
        directory.release()


class _AllInOne:
    """The servers under the programs; every child dies with this process."""

    def __init__(self, settings: Settings, directory: DataDirectory, port: int) -> None:
        self._directory = directory
        self._stream = Stream(is_json=settings.hub_log_format == "json")
        self._guard = Guard()
        self._stop_asked = asyncio.Event()
        embedded: list[Server] = []
        found: dict[str, object] = {"hub_port": port, "hub_data_dir": directory.path}
        if not settings.has_outside_database:
            embedded.append(Postgres(directory))
            found["database_url"] = SecretStr(embedded[-1].url)
        if not settings.has_outside_redis:
            embedded.append(Valkey(directory))
            found["redis_url"] = SecretStr(embedded[-1].url)
        if settings.hub_secret_key is None:
            found["hub_secret_key"] = SecretStr(keep_secret(directory.path))
        self._settings = settings = settings.model_copy(update=found)
        names = [f"serve.{n + 1}" for n in range(settings.hub_workers)] if settings.hub_workers > 1 else ["serve"]
        self._servers = [self._child(Program.of_server(server)) for server in embedded]
        self._programs = [
            *(self._child(self._python(name, "hub", "serve", is_web=True)) for name in names),
            self._child(self._python("worker", "tasks", "worker")),
            self._child(self._python("beat", "tasks", "beat")),
        ]

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for sig in (SIGINT, SIGTERM):
            loop.add_signal_handler(sig, self._on_signal)
        starting = asyncio.ensure_future(self._start())
        asked = asyncio.ensure_future(self._stop_asked.wait())
        try:
            await asyncio.wait([starting, asked], return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await asked
        finally:
            starting.cancel()
            asked.cancel()
            await asyncio.gather(starting, asked, return_exceptions=True)
            await self._stop()

    async def _start(self) -> None:
        settings, url = self._settings, self._settings.sqlalchemy_url
        await asyncio.gather(*(child.start(_READY_WITHIN_S) for child in self._servers))
        await check_database(url)
        await asyncio.to_thread(upgrade, url)
        write_run_file(self._directory.path, database_url=url, redis_url=settings.redis_dsn, base_url=self._visible_url)
        if await seed_demo(settings, only_if_empty=True):
            self._stream.write("hub", "the demo page is made")
        await asyncio.gather(*(child.start(_READY_WITHIN_S) for child in self._programs))
        email, password = demo_sign_in(self._directory.path)
        self._stream.write("hub", f"Status Hub: {self._visible_url}/p/demo (sign in: {email} / {password})")

    async def _stop(self) -> None:
        """First who uses the servers, then the servers."""
        self._stream.write("hub", "stopping")
        within_s = self._settings.hub_drain_s + _GRACE_S
        await asyncio.gather(*(child.stop(within_s) for child in self._programs))
        await asyncio.gather(*(child.stop(_GRACE_S) for child in self._servers))
        self._guard.close()

    def _on_signal(self) -> None:
        if self._stop_asked.is_set():  # asked twice: in a hurry
            for child in (*self._programs, *self._servers):
                child.kill()
        self._stop_asked.set()

    def _child(self, program: Program) -> Child:
        return Child(program, self._stream, self._guard, self._directory.register)

    def _python(self, name: str, *args: str, is_web: bool = False) -> Program:
        settings = self._settings
        key = settings.hub_secret_key
        assert key is not None
        env = {
            "DATABASE_URL": settings.sqlalchemy_url,
            "REDIS_URL": settings.redis_dsn,
            "HUB_PORT": str(settings.hub_port),
            "HUB_DATA_DIR": str(self._directory.path),
            "HUB_SECRET_KEY": key.get_secret_value(),
            "HUB_BASE_URL": self._visible_url,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")])),
            "PYTHONUNBUFFERED": "1",
        }
        return python(name, *args, env=env, is_ready=self._is_serving if is_web else None)

    @property
    def _visible_url(self) -> str:
        """Where a browser on this machine finds the hub."""
        if self._settings.hub_base_url is not None:
            return self._settings.base_url
        host = self._settings.hub_host
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
        return f"http://{host}:{self._settings.hub_port}"

    async def _is_serving(self) -> bool:
        """Does /readyz answer 200?"""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._settings.hub_host, self._settings.hub_host)  # noqa: S104
        try:
            async with asyncio.timeout(2):
                reader, writer = await asyncio.open_connection(host, self._settings.hub_port)
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                answer = await reader.readline()
                writer.close()
        except (OSError, TimeoutError):
            return False
        return b" 200 " in answer
