"""Everything that one person can get out of a hub: every GET with every id, every stream, every socket."""

import asyncio
import base64
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2
import structlog
import websockets
from centrifuge.codecs import _ProtobufCodec
from sqlalchemy import select
from websockets import Subprotocol

from hub.access import Access
from models import Channel
from tests.support.leak_world import World
from tests.support.people import Person
from tests.support.route_walk import PAGE_PARAMETERS, Ids, Way, addresses, ways_of

T = TypeVar("T")

NOBODYS_ID, NOBODYS_SLUG = "zzzzzzzzzzzz", "nobodys-page"
AT_ONCE = 6
ASK_ODDLY = ("anonymous", "other_owner")  # who also tries HEAD and OPTIONS
TRANSPORTS = ("/connection/", "/emulation")
TODAY, LATELY = (datetime.now(UTC).date() - timedelta(days=back) for back in (0, 60))
# What a GET may be asked for beside its path. `before` comes from `meta.next`; `{component}` is each of the page.
QUERIES: dict[str, Sequence[str]] = {
    "/api/v1/pages/{slug}/history": ("?limit=300", "?after=1&limit=1"),
    "/api/v1/pages/{slug}/incidents": ("?limit=1",),
    "/api/v1/pages/{slug}/maintenances": ("?limit=1",),
    "/api/v1/pages/{slug}/uptime": ("?days=3&windows=24h,7d",),
    "/api/v1/pages/{slug}/uptime/days": (f"?component={{component}}&from={LATELY}&to={TODAY}",),
    "/api/v1/pages/{slug}/uptime/hours": (f"?component={{component}}&date={TODAY}",),
    "/api/v1/pages/{slug}/reports": ("?kind=weekly",),
    "/p/{slug}/badge.svg": ("?show=uptime&days=7",),
    "/p/{slug}/components/{id}/badge.svg": ("?show=uptime&days=7",),
    "/login": ("?next=/console", "?next=//evil.example"),
    "/demo": ("?page=elsewhere",),
}
_SNAPSHOT_EVENT = re.compile(rb"event: snapshot\n.*?\n\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Piece:
    """One answer. `said`: what the person had said himself, which tells him nothing; `status` 0 for sockets."""

    where: str
    text: str
    said: str
    status: int = 0
    way: Way | None = None


@dataclass
class Harvest:
    person: Person
    pieces: list[Piece] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(piece.text for piece in self.pieces).lower()

    def add(self, where: str, text: str, said: str = "") -> None:
        self.pieces.append(Piece(where, text, said))


async def crawl(world: World, person: Person) -> Harvest:
    """All of it. Also the log that these requests and sockets wrote, as the piece `log`."""
    harvest = Harvest(person)
    with _Listening() as log:
        async with world.client(person) as client:
            await ask_all(world, client, harvest)
        async with httpx2.AsyncClient(base_url=world.hub.base_url, timeout=30) as client:  # the token goes in the frame
            for kind in ("http_stream", "sse", "uni_http_stream", "uni_sse"):
                await stream(world, client, harvest, kind)
        for channels in _few_at_a_time(await channels_of(world)):
            await socket(world, harvest, channels)
        await binary_socket(world, harvest)
        await one_way_socket(world, harvest)
    harvest.add("log", "\n".join(log), " ".join(piece.where for piece in harvest.pieces))
    return harvest


# ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────


async def ask_all(world: World, client: httpx2.AsyncClient, harvest: Harvest, ids: Ids | None = None) -> None:
    """GET every address (of the pages of `ids` alone) with every query; some HEAD and OPTIONS each route once, too.

    What `meta.next` leads to comes with it.
    """
    wanted: list[tuple[str, str, Way]] = []
    for way in ways_of(world.hub.app, "GET"):
        if way.path.startswith(TRANSPORTS) or (way.access is Access.NOBODY and harvest.person.token):
            continue  # where nobody looks at credentials, one visitor has seen all
        if ids is not None and way.parameters[:1] not in [[name] for name in PAGE_PARAMETERS]:
            continue
        found = addresses(way, ids or world.ids, stranger=NOBODYS_ID)
        for address in found:
            wanted += [("GET", address + query, way) for query in ("", *_queries(way, address, ids or world.ids))]
        if harvest.person.name in ASK_ODDLY:
            wanted += [(method, found[0], way) for method in ("HEAD", "OPTIONS")]

    async def ask(one: tuple[str, str, Way]) -> None:
        harvest.pieces += await _answers(client, *one)

    await at_once(wanted, ask)


def _queries(way: Way, address: str, ids: Ids) -> Iterator[str]:
    for query in QUERIES.get(way.path, ()):
        if "{component}" not in query:
            yield query
            continue
        for slug, kinds in ids.of_page.items():
            if f"/{slug}/" in address:
                yield from (query.format(component=key) for key in kinds.get("component", ()))


async def at_once(items: Iterable[T], work: Callable[[T], Awaitable[None]]) -> None:
    """`work` for all of `items`, a few at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> None:
        async with gate:
            await work(item)

    async with asyncio.TaskGroup() as group:
        for item in items:
            group.create_task(one(item))


async def _answers(client: httpx2.AsyncClient, method: str, address: str, way: Way) -> list[Piece]:
    """The answer, and those of the pages of the list that follow."""
    pieces, seen = [], 0
    following: str | None = address
    while following is not None and seen < 50:
        piece, cursor = await one_answer(client, method, following, way)
        pieces.append(piece)
        seen += 1
        following = None if cursor is None else f"{address.partition('?')[0]}?limit=3&before={quote(cursor)}"
    return pieces


async def one_answer(
    client: httpx2.AsyncClient, method: str, address: str, way: Way | None = None
) -> tuple[Piece, str | None]:
    """Status, headers and body as text; and `meta.next`. A stream of events is read up to its snapshot."""
    async with client.stream(method, address) as answer:
        if answer.headers.get("content-type", "").startswith("text/event-stream") and method == "GET":
            body = b""
            async with asyncio.timeout(30):
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if _SNAPSHOT_EVENT.search(body):
                        break
        else:
            body = await answer.aread()
    head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    text = body.decode(errors="replace")
    if answer.headers.get("content-type", "").startswith("text/calendar"):
        text = text.replace("\r\n ", "")  # folded lines would hide what they break in two
    cursor = None
    if answer.headers.get("content-type", "").startswith("application/json") and body:
        meta = json.loads(body).get("meta") or {}
        cursor = meta.get("next")
    opened = base64.urlsafe_b64decode(cursor + "===").decode(errors="replace") if cursor else ""
    piece = Piece(f"{method} {address}", f"{answer.status_code}\n{head}\n\n{text}\n{opened}", address)
    return Piece(piece.where, piece.text, address, answer.status_code, way), cursor


# ── streams and sockets ──────────────────────────────────────────────────────────────────────────────────────


async def channels_of(world: World) -> list[tuple[str, str]]:
    """(name, epoch) of every view that there is; and the names by which people ask."""
    async with world.hub.state["db"]() as session:
        rows = (await session.execute(select(Channel.name, Channel.epoch).order_by(Channel.id))).all()
    named = [(name, epoch) for name, epoch in rows]
    return [*((f"page:{slug}", "") for slug in world.pages), *named]


def _few_at_a_time(channels: Sequence[tuple[str, str]]) -> list[Sequence[tuple[str, str]]]:
    return [channels[at : at + 5] for at in range(0, len(channels), 5)]


async def stream(world: World, client: httpx2.AsyncClient, harvest: Harvest, kind: str) -> None:
    """One of the HTTP transports, with every page wished for, until all that was asked for has been answered."""
    wishes = [f"page:{slug}" for slug in world.pages]
    token = harvest.person.token
    connect: dict[str, Any] = {"token": token} if token else {}
    if kind.startswith("uni_"):
        first, answers = json.dumps({**connect, "subs": {name: {} for name in wishes}}), 1
    else:
        commands = [{"id": 1, "connect": connect}]
        commands += [{"id": number, "subscribe": {"channel": name}} for number, name in enumerate(wishes, 2)]
        first, answers = "\n".join(map(json.dumps, commands)), len(commands)
    address = f"/connection/{kind}"
    if kind.endswith("sse"):
        request = client.build_request("GET", f"{address}?cf_connect={quote(first)}")
    else:
        request = client.build_request("POST", address, content=first)
    answer = await client.send(request, stream=True)
    try:
        lines: list[str] = []
        async with asyncio.timeout(30):
            async for line in answer.aiter_lines():
                if line.strip():
                    lines.append(line)
                if len(lines) >= answers:
                    break
        harvest.add(f"{kind}", "\n".join(lines), " ".join(wishes))
    finally:
        await answer.aclose()


@asynccontextmanager
async def _connected(world: World, person: Person) -> AsyncIterator["Line"]:
    async with websockets.connect(world.hub.ws_url, proxy=None, max_size=None) as connection:
        line = Line(connection)
        await line.call(connect={"token": person.token} if person.token else {})
        yield line


class Line:
    """A JSON socket that keeps every frame. `call` returns the reply, `frames` has all that came."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self.connection = connection
        self.frames: list[str] = []
        self._last_id = 0

    async def call(self, **command: Any) -> dict[str, Any]:
        self._last_id += 1
        await self.connection.send(json.dumps({"id": self._last_id, **command}))
        async with asyncio.timeout(30):
            while True:
                for reply in await self.next_frame():
                    if reply.get("id") == self._last_id:
                        return reply

    async def next_frame(self) -> list[dict[str, Any]]:
        frame = str(await self.connection.recv())
        self.frames.append(frame)
        found = [json.loads(line) for line in frame.splitlines()]
        if {} in found:
            await self.connection.send("{}")
        return found


async def socket(world: World, harvest: Harvest, channels: Sequence[tuple[str, str]]) -> None:
    """Ask for each channel from an old position (those named without a view: from none), and for its past."""
    async with _connected(world, harvest.person) as line:
        for name, epoch in channels:
            await line.call(subscribe={"channel": name, "recover": True, "epoch": epoch, "offset": 1})
            await line.call(history={"channel": name, "limit": 300, "since": {"epoch": epoch, "offset": 0}})
        said = " ".join(name for name, _ in channels)
        harvest.add(f"socket {said}", "\n".join(line.frames), said)


async def binary_socket(world: World, harvest: Harvest) -> None:
    """The same pages in protobuf, whose texts are plain in its frames."""
    wishes = [f"page:{slug}" for slug in world.pages]
    token = harvest.person.token
    commands: list[dict[str, Any]] = [{"id": 1, "connect": {"token": token} if token else {}}]
    commands += [{"id": number, "subscribe": {"channel": name}} for number, name in enumerate(wishes, 2)]
    frames: list[bytes] = []
    async with (
        asyncio.timeout(30),
        websockets.connect(
            world.hub.ws_url, subprotocols=[Subprotocol("centrifuge-protobuf")], proxy=None, max_size=None
        ) as connection,
    ):
        answered: set[int] = set()
        await connection.send(_ProtobufCodec.encode_commands(commands))
        while len(answered) < len(commands):
            frame = await connection.recv()
            assert isinstance(frame, bytes)
            frames.append(frame)
            answered |= {int(reply["id"]) for reply in _ProtobufCodec.decode_replies(frame) if reply.get("id")}
    harvest.add("protobuf", b"\n".join(frames).decode("utf-8", "replace"), " ".join(wishes))


async def one_way_socket(world: World, harvest: Harvest) -> None:
    url = world.hub.ws_url.replace("/websocket", "/uni_websocket")
    wishes = [f"page:{slug}" for slug in world.pages]
    token = harvest.person.token
    connect = {**({"token": token} if token else {}), "subs": {name: {} for name in wishes}}
    async with asyncio.timeout(30), websockets.connect(url, proxy=None, max_size=None) as connection:
        await connection.send(json.dumps(connect))
        frame = await connection.recv()
    harvest.add("uni_websocket", str(frame), " ".join(wishes))


# ── logs ─────────────────────────────────────────────────────────────────────────────────────────────────────


class _Listening:
    """What is logged meanwhile, by whichever library, as lines."""

    def __enter__(self) -> list[str]:
        self.lines: list[str] = []
        self._structured = structlog.testing.capture_logs()
        self._entries = self._structured.__enter__()
        self._handler = _Lines(self.lines)
        logging.getLogger().addHandler(self._handler)
        return self.lines

    def __exit__(self, *error: object) -> None:
        logging.getLogger().removeHandler(self._handler)
        self._structured.__exit__(None, None, None)
        self.lines += [str(entry) for entry in self._entries]


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))
