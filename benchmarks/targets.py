"""What is measured: servers that fan one message out to many sockets, each with its publisher."""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from benchmarks.common import BenchHub, bench_hub
from benchmarks.processes import HERE, SERVER_CORE, compiled, end, pinned, wait_listening_by
from hub.auth.tokens import Tokens
from hub.clock import SystemClock
from hub.engine.options import ChannelOptions
from hub.engine.redis_client import make_client
from hub.engine.streams_redis import RedisStreams
from hub.ids import new_id
from hub.services import outbox, sessions
from hub.settings import Settings
from models import Account
from tests.support.hub import HubProcess
from tests.support.servers import Servers

Publish = Callable[[bytes], None]

NAMESPACE, CUSTOM_CHANNEL = "bench", "bench:all"
HISTORY_SIZE, HISTORY_TTL_S = 100, 300.0
API_KEY = "the-key-of-the-benchmark"


@dataclass(frozen=True, slots=True)
class Target:
    """A running server. `script`: what viewers say (`load.c`); `publish` puts one payload to all of them."""

    name: str
    port: int
    pids: tuple[int, ...]
    publish: Publish
    path: str = "/"
    script: tuple[str, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)


@contextlib.contextmanager
def floor(viewers: int) -> Iterator[Target]:
    """`floor.c`: a loop of `send()`."""
    with pinned(SERVER_CORE):
        child = subprocess.Popen([str(compiled("floor")), str(viewers)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    stdin = child.stdin

    def publish(payload: bytes) -> None:
        stdin.write(payload + b"\n")
        stdin.flush()

    try:
        yield Target("C send() loop", int(child.stdout.readline()), (child.pid,), publish)
    finally:
        end(child)


class Places:
    """The servers behind: PostgreSQL of this run, and one Redis for everybody, over TCP as in production."""

    def __init__(self, servers: Servers, redis_port: int) -> None:
        self.servers = servers
        self.redis_port = redis_port

    @property
    def redis_url(self) -> str:
        return f"redis://127.0.0.1:{self.redis_port}/0"

    def redis_publisher(self, channel: str) -> Publish:
        """PUBLISH on a connection of its own, awaited."""
        link = socket.create_connection(("127.0.0.1", self.redis_port))
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def publish(payload: bytes) -> None:
            name = channel.encode()
            link.sendall(
                b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(name), name, len(payload), payload)
            )
            link.recv(64)

        return publish


@contextlib.contextmanager
def hub(
    places: Places, kind: str = "page", *, signed_in: int = 0, workers: int = 1, is_probed: bool = False
) -> Iterator[Target]:
    """The whole hub. `kind` "page": a page's channel, its events written to PostgreSQL in the transaction that every
    change ends with, and relayed by the hub; "custom": a channel with history, published as another node does it.

    `signed_in`: viewers come with one of as many accounts' access tokens; 0: without any. `workers` share the port
    and the core. `is_probed`: with the probe of `joining.py`.
    """
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder, asyncio.Runner() as runner:
        probe = Path(folder) / "probe"
        probe.write_bytes(bytes(24))
        env = {
            "HUB_CHANNELS_FILE": str(_channels_file(Path(folder))),
            "HUB_SERVER_API_KEY": API_KEY,
            "JWT_ACCESS_TTL_S": "7200",
            "HUB_WORKERS": str(workers),
        }
        if is_probed:
            env |= {"HUB_BENCH_PROBE": str(probe), "PYTHONPATH": str(HERE / "probe")}
        opened = bench_hub(env, servers=places.servers, redis_url=places.redis_url, core=SERVER_CORE)
        running = runner.run(opened.__aenter__())
        try:
            with contextlib.ExitStack() as stack:
                others = [stack.enter_context(_beside(running.process, runner.run)) for _ in range(workers - 1)]
                make = _page_publisher if kind == "page" else _custom_publisher
                publish = stack.enter_context(make(running, places, runner.run))
                tokens = runner.run(_tokens(running, signed_in))
                channel = running.channel if kind == "page" else CUSTOM_CHANNEL
                yield Target(
                    f"hub, {kind} channel" + (f", {workers} workers" if workers > 1 else ""),
                    running.process.port,
                    (running.process.pid, *others),
                    publish,
                    "/connection/websocket",
                    tuple(_hub_line(channel, token) for token in tokens),
                    {"probe": probe},
                )
        finally:
            runner.run(opened.__aexit__(None, None, None))


def _channels_file(folder: Path) -> Path:
    path = folder / "channels.json"
    namespace = {
        "name": NAMESPACE,
        "history_size": HISTORY_SIZE,
        "history_ttl": f"{HISTORY_TTL_S:.0f}s",
        "force_recovery": True,
        "allow_subscribe_for_client": True,
        "allow_subscribe_for_anonymous": True,
    }
    path.write_text(json.dumps({"namespaces": [namespace]}))
    return path


def _hub_line(channel: str, token: str) -> str:
    """As SDKs do it: `subscribe` once `connect` is answered."""
    connect = json.dumps({"id": 1, "connect": {"token": token} if token else {}})
    subscribe = json.dumps({"id": 2, "subscribe": {"channel": channel}})
    return f'{connect}\t"connect":\t{subscribe}\t"subscribe":'


Run = Callable[[Coroutine[Any, Any, Any]], Any]


@contextlib.contextmanager
def _beside(first: HubProcess, run: Run) -> Iterator[int]:
    """Another worker on the port of the first; its pid."""
    env = {**first.env, "HUB_DATA_DIR": str(first.directory)}
    other = HubProcess(database_url=env["DATABASE_URL"], redis_url=env["REDIS_URL"], directory=first.directory, env=env)
    other.port = first.port
    with pinned(SERVER_CORE):
        other.launch()
    try:
        wait_listening_by(other.pid, other.port)
        yield other.pid
    finally:
        run(other.stop())


async def _tokens(running: BenchHub, count: int) -> list[str]:
    """Access tokens of `count` new accounts; one empty token for 0."""
    if not count:
        return [""]
    env = running.process.env
    settings = Settings(hub_secret_key=SecretStr(env["HUB_SECRET_KEY"]), jwt_access_ttl_s=int(env["JWT_ACCESS_TTL_S"]))
    issuer, now = Tokens.of(settings), datetime.now(UTC)
    engine = create_async_engine(env["DATABASE_URL"])
    async with async_sessionmaker(engine).begin() as session:
        emails = [f"viewer{number}@example.test" for number in range(count)]
        fixed = {"password_hash": "!", "is_admin": False, "verified_at": now, "created_at": now, "updated_at": now}
        session.add_all([Account(id=new_id(), email=email, **fixed) for email in emails])
        await session.flush()
        tokens = [await sessions.issue_token_for(session, issuer, email, now) for email in emails]
    await engine.dispose()
    return tokens


@contextlib.contextmanager
def _page_publisher(running: BenchHub, _places: Places, run: Run) -> Iterator[Publish]:
    engine = create_async_engine(running.process.env["DATABASE_URL"])
    database = async_sessionmaker(engine)

    async def find() -> int:
        async with database() as session:
            query = text("SELECT id FROM channel WHERE name LIKE :name ORDER BY id LIMIT 1")
            return int(await session.scalar(query, {"name": f"%{running.slug}%"}) or 0)

    channel_id = run(find())
    assert channel_id, "the page has no channel"

    async def append(payload: bytes) -> None:
        async with database.begin() as session:
            event = outbox.Append(channel_id, "component.status_changed", payload.decode())
            await outbox.append(session, [event], datetime.now(UTC))

    try:
        yield lambda payload: run(append(payload))
    finally:
        run(engine.dispose())


@contextlib.contextmanager
def _custom_publisher(_running: BenchHub, places: Places, run: Run) -> Iterator[Publish]:
    client = make_client(places.redis_url)
    streams = RedisStreams(client, is_sharded=False)
    options = ChannelOptions(history_size=HISTORY_SIZE, history_ttl_s=HISTORY_TTL_S, has_recovery=True)
    clock = SystemClock()

    def publish(payload: bytes) -> None:
        time_ms = round(clock.now().timestamp() * 1_000)
        run(streams.publish(CUSTOM_CHANNEL, payload, options, time_ms=time_ms))

    try:
        yield publish
    finally:
        run(client.aclose())


def http_publisher(port: int, path: str, headers: Mapping[str, str] | None = None) -> Publish:
    """POST on a connection that stays open, each answer awaited."""
    link = socket.create_connection(("127.0.0.1", port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())

    def publish(payload: bytes) -> None:
        link.sendall(f"{head}Content-Length: {len(payload)}\r\n\r\n".encode() + payload)
        answer = link.recv(65_536)
        assert answer[9:11] == b"20", answer[:300]

    return publish


def message(number: int, size_bytes: int = 300) -> bytes:
    """A JSON payload that says which message of its run it is, and when it was published."""
    mark = f'{{"m":"~{number:08x}.{time.monotonic_ns():016x}~","pad":"'
    return (mark + "x" * max(0, size_bytes - len(mark) - 2) + '"}').encode()


def environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), **more}
