"""Who a connection speaks for, and which channel a name opens for it. Every answer is asked for anew."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from hub.auth.permissions import ANONYMOUS, Principal
from hub.auth.tokens import Claims, Tokens
from hub.clock import Clock
from hub.engine.node import Node
from hub.errors import Unauthenticated
from hub.protocol.effects import Join
from hub.services import accounts
from hub.services.views import resolve_view


@dataclass(frozen=True, slots=True)
class Peer:
    """What the handshake said. `cookie`: the access token of a browser whose origin may use it."""

    address: str = ""
    cookie: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """`user` None: anonymous. `expires_in_s` from the moment of asking; None: with the connection."""

    principal: Principal = ANONYMOUS
    user: str | None = None
    expires_in_s: float | None = None
    can_refresh: bool = False
    server_subs: tuple[str, ...] = field(default=())


NOBODY = Identity()


@dataclass(frozen=True, slots=True)
class Grant:
    """A name on the wire, opened: the channel behind it."""

    channel: str


class Access:
    """Raises hub.errors.Unauthenticated, TokenExpired, NotFound, Forbidden or Unavailable."""

    def __init__(self, db: async_sessionmaker[AsyncSession], tokens: Tokens, clock: Clock, node: Node) -> None:
        self._db = db
        self._tokens = tokens
        self._clock = clock
        self._node = node

    async def identify(self, token: str, peer: Peer) -> Identity:
        """The account of the token, else of the cookie, else nobody."""
        if token:
            return await self._identity(token, can_refresh=True)
        if peer.cookie:
            try:
                return await self._identity(peer.cookie, can_refresh=False)
            except Unauthenticated:
                return NOBODY  # a cookie that is no longer good leaves a visitor, who may still watch public pages
        return NOBODY

    async def subscribe(self, who: Identity, join: Join) -> Grant:
        return Grant(await self._view(who, join.channel))

    async def read(self, who: Identity, wire_channel: str) -> Grant:
        """For history."""
        return Grant(await self._view(who, wire_channel))

    async def _identity(self, token: str, *, can_refresh: bool) -> Identity:
        claims = self._tokens.verify(token, self._clock.now())
        async with self._db() as session:
            principal = await accounts.load_principal(session, claims)
        return Identity(principal, principal.account_id, self._left_s(claims), can_refresh)

    def _left_s(self, claims: Claims) -> float:
        now: datetime = self._clock.now()
        return (claims.expires_at - now).total_seconds()

    async def _view(self, who: Identity, wire_channel: str) -> str:
        async def read() -> str:
            async with self._db.begin() as session:
                return await resolve_view(session, wire_channel, who.principal, self._clock.now())

        if who.principal is ANONYMOUS:  # a crowd that comes back at once asks once
            return await self._node.shared(("view", wire_channel), read)
        return await read()
