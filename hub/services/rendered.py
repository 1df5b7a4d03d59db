"""Outputs of a page as bytes, made once for all who see the same of it, and kept until that changes.

    found = await cache.get(slug, principal, Output("summary.json", (origin,), "application/json"), build)

A key names the function and its arguments, the view and the position of the view, so a change of any of them is
another key: nothing is ever thrown away to be right, and nothing older than the view's offset is given to anybody. What
is made depends on the view alone: `build` is not told who asks. Kept in this process and, for the others, in Redis,
under a seal that names its key: what was cut short there, or is of another key, is nobody's answer.
"""

import asyncio
import gzip
import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

import structlog
from cachetools import LRUCache
from redis.exceptions import RedisError
from sqlalchemy import ARRAY, String, any_, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import ANONYMOUS, Principal
from hub.clock import Clock
from hub.domain.audience import PUBLIC, View, view_of_key
from hub.domain.snapshot import Json
from hub.engine.redis_client import Client
from hub.engine.work import end
from hub.errors import NotFound
from hub.negotiation import etag_of
from hub.services.batch import Batch
from hub.services.database import Sessions, one_moment
from hub.services.snapshots import read_snapshot
from hub.services.state import load_page
from hub.services.views import Sight, resolve_view
from models import Channel
from models import Page as PageRow
from models import View as ViewRow

MEMORY_BYTES = 32 * 2**20
REDIS_BYTES = 2**20  # what is larger is made by each node for itself
REDIS_TTL_S = 600
REDIS_PATIENCE_S = 0.05
PACK_FROM_BYTES = 1_024
_SEAL_BYTES = hashlib.sha256().digest_size
_ROOT = Path(__file__).parents[2]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Output:
    """What is made: `name` of the function, and all of its arguments but the page and the view."""

    name: str
    args: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Position:
    """Where a view stands. `version` is the page's own: what operators alone see of its settings moves no offset."""

    channel: str
    view_key: str
    epoch: str
    offset: int
    version: int


@dataclass(frozen=True, slots=True)
class Moment:
    """What an output is made from: a page as one view sees it, at one moment of the database (`session`)."""

    session: AsyncSession
    sight: Sight
    snapshot: Json
    now: datetime


Build = Callable[[Moment], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Rendered:
    """`packed`: the body in gzip, None when it is not worth it. `etag` as the header has it."""

    body: bytes
    packed: bytes | None
    etag: str

    @classmethod
    def of(cls, body: bytes) -> "Rendered":
        packed = gzip.compress(body, compresslevel=6, mtime=0) if len(body) >= PACK_FROM_BYTES else None
        return cls(body, packed, etag_of(body))


_Key = tuple[Output, Position]


class RenderCache:
    """One per process. `redis` is a client of its own, with short time-outs: what it cannot give at once is made."""

    def __init__(self, sessions: Sessions, redis: Client, clock: Clock) -> None:
        self._sessions = sessions
        self._redis = redis
        self._clock = clock
        self._kept: LRUCache[_Key, Rendered] = LRUCache(MEMORY_BYTES, getsizeof=_size)
        self._under_way: dict[_Key, asyncio.Task[Rendered]] = {}
        # Nobody waits for others to join: whoever asks while a read runs shares the next one anyway.
        self._public = Batch(self._read_public, gather_s=0.0, storm_per_s=float("inf"))
        self.builds = 0

    async def get(self, slug: str, principal: Principal, output: Output, build: Build) -> Rendered:
        """The output as `principal`'s view has it now. NotFound when the page is not his, as when there is none."""
        position = await self.position(slug, principal)
        found = self._kept.get((output, position))
        return found or await self._once((output, position), slug, build)

    async def position(self, slug: str, principal: Principal) -> Position:
        """Where `principal`'s view of the page stands: read after this was asked, for nobody may see less than that."""
        if principal == ANONYMOUS:
            found = await self._public.get(slug)
            if found is not None:
                return found
        async with self._sessions.begin() as session:
            channel = await resolve_view(session, f"page:{slug}", principal, self._clock.now())
            return await _position_of(session, channel)

    async def close(self) -> None:
        await end(*self._under_way.values())
        await self._redis.aclose()

    async def _once(self, key: _Key, slug: str, build: Build) -> Rendered:
        """Run once for all who ask the same at the same time; one who goes away takes it from nobody."""
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(self._make(key, slug, build))
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task)

    def _forget(self, key: _Key, task: asyncio.Task[Rendered]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled():
            task.exception()  # taken note of, also when every caller has gone

    async def _make(self, key: _Key, slug: str, build: Build) -> Rendered:
        output, position = key
        body = await self._from_redis(key)
        if body is None:
            self.builds += 1
            async with one_moment(self._sessions) as session:
                position = await _position_of(session, position.channel)
                page = await load_page(session, slug)
                if page is None:
                    raise NotFound("There is no such page.")
                snapshot = await read_snapshot(session, position.channel)
                view = view_of_key(position.view_key)
                body = await build(Moment(session, Sight(page, view), snapshot, self._clock.now()))
            await self._to_redis((output, position), body)
        made = Rendered.of(body)
        if _size(made) < MEMORY_BYTES // 8:
            self._kept[(output, position)] = made
        return made

    async def _from_redis(self, key: _Key) -> bytes | None:
        try:
            async with asyncio.timeout(REDIS_PATIENCE_S):
                found = await self._redis.get(_name(key))
        except (RedisError, OSError, TimeoutError) as error:
            _log.debug("rendered outputs cannot be read from Redis", error=type(error).__name__)
            return None
        body = _opened(key, found)
        if body is None and found is not None:
            _log.warning("a rendered output in Redis is not what was put there", output=key[0].name)
        return body

    async def _to_redis(self, key: _Key, body: bytes) -> None:
        if len(body) > REDIS_BYTES:
            return
        try:
            async with asyncio.timeout(REDIS_PATIENCE_S):
                await self._redis.set(_name(key), _seal(key, body) + body, ex=REDIS_TTL_S)
        except (RedisError, OSError, TimeoutError) as error:
            _log.debug("rendered outputs cannot be kept in Redis", error=type(error).__name__)

    async def _read_public(self, slugs: Collection[str]) -> Mapping[str, Position]:
        """Of pages that are for everybody. One query; that the audience and the position agree is its doing."""
        wanted = _POSITIONS.where(
            PageRow.slug == any_(literal(list(slugs), ARRAY(String))),
            PageRow.audience == PUBLIC,
            ViewRow.key == View().key,
        )
        async with self._sessions() as session:
            rows = (await session.execute(wanted.add_columns(PageRow.slug))).all()
        return {row.slug: Position(row.name, row.key, row.epoch, row.head, row.version) for row in rows}


_POSITIONS = (
    select(Channel.name, ViewRow.key, Channel.epoch, Channel.head, PageRow.version)
    .join(ViewRow, ViewRow.channel_id == Channel.id)
    .join(PageRow, PageRow.id == ViewRow.page_id)
)


async def _position_of(session: AsyncSession, channel: str) -> Position:
    row = (await session.execute(_POSITIONS.where(Channel.name == channel))).one_or_none()
    if row is None:
        raise NotFound("There is no such page.")
    return Position(*row)


def _name(key: _Key) -> str:
    """The key in Redis: another version of the code makes other bytes, and so has other names."""
    return f"hub:rendered:{hashlib.sha256(repr((build_digest(), key)).encode()).hexdigest()}"


def _seal(key: _Key, body: bytes) -> bytes:
    return hashlib.sha256(_name(key).encode() + body).digest()


def _opened(key: _Key, stored: object) -> bytes | None:
    """The body of what is kept in Redis for `key`; None unless it is whole and was put there for just this key."""
    if not isinstance(stored, bytes):
        return None
    seal, body = stored[:_SEAL_BYTES], stored[_SEAL_BYTES:]
    return body if seal == _seal(key, body) else None


@cache
def build_digest() -> str:
    """A digest of the code and templates that outputs are made by; read once per process."""
    digest = hashlib.sha256()
    for folder in ("hub", "client_demo"):
        for path in sorted((_ROOT / folder).rglob("*")):
            if path.suffix in {".py", ".html", ".js", ".css", ".json", ".svg"}:
                digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _size(made: Rendered) -> int:
    return len(made.body) + len(made.packed or b"") + 500
