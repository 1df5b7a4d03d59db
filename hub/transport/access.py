"""Who a connection speaks for, and what a channel's name opens for it. Every answer is asked for anew.

Page channels are views of a page (`hub.services.views`); all others are custom channels, whose rights are configuration
and tokens of other applications (`hub.auth.rules`). Nothing said by such a token opens a page.
"""

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from hub.auth.client_tokens import ClientTokens, ServerSub, SubscriptionClaims
from hub.auth.permissions import ANONYMOUS, Principal
from hub.auth.rules import USER_BOUNDARY, account_channel, is_reserved, personal_channel
from hub.channels_file import PERSONAL, ChannelsConfig, overridden
from hub.clock import Clock
from hub.domain.channel import parse_channel
from hub.engine.changes import key_user, page_name
from hub.engine.node import Node
from hub.engine.options import ChannelOptions
from hub.errors import NotFound, TokenExpired, Unauthenticated
from hub.protocol.codes import ErrorCode
from hub.protocol.effects import Join
from hub.services.batch import Batch
from hub.services.credentials import Credentials, Proof
from hub.services.views import Sight, Site, ensure_view, load_site, named_channel

_FROM_THE_HUB = ServerSub()
_PAGE_OPTIONS = ChannelOptions(has_recovery=True)


class Denied(Exception):
    """A channel command is refused with `code`."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code.text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Peer:
    """What the handshake said. `cookie`: the access token of a browser whose origin may use it."""

    address: str = ""
    cookie: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """`user` "": anonymous. `expires_in_s` from the moment of asking; None: with the connection.

    `proof`: of an account or a key of this hub, by which `principal` is read again. `stamp`: `Access.stamp` when it
    was read.
    """

    principal: Principal = ANONYMOUS
    proof: Proof | None = None
    stamp: int = 0
    user: str = ""
    expires_in_s: float | None = None
    can_refresh: bool = False
    info: bytes | None = None
    server_subs: Mapping[str, ServerSub] = field(default_factory=dict)
    ordered_subs: Mapping[str, ServerSub] = field(default_factory=dict)  # by a back end, whatever the token says


NOBODY = Identity()


def is_signed_in(who: Identity) -> bool:
    """Whether `who` is an account or a key of this hub, and not somebody whom another application vouches for."""
    return who.principal.is_authenticated or who.principal.key_id is not None


@dataclass(frozen=True, slots=True)
class Grant:
    """A name on the wire, opened: the channel behind it and what may be done with it. `info`, `data`: JSON text."""

    channel: str
    options: ChannelOptions
    expires_in_s: float | None = None
    info: bytes | None = None
    data: bytes | None = None


class Access:
    """Raises Denied, or hub.errors.Unauthenticated, TokenExpired, NotFound, Forbidden, Unavailable."""

    def __init__(
        self,
        db: async_sessionmaker[AsyncSession],
        credentials: Credentials,
        client_tokens: ClientTokens,
        channels: ChannelsConfig,
        clock: Clock,
        node: Node,
    ) -> None:
        self._db = db
        self._credentials = credentials
        self._client_tokens = client_tokens
        self._channels = channels
        self._rules = channels.rules()
        self._clock = clock
        self._node = node
        self._changes = node.sessions.changes
        self._known = Batch(credentials.know)
        self._sites = Batch(self._load_sites)

    async def identify_now(self, token: str, peer: Peer) -> Identity:
        """As `identify`, and no change of rights that this node has heard of lies between the reading and the return.

        A connection is told of changes only once it is known by name; those before are found here.
        """
        while True:
            stamp = self.stamp
            who = replace(await self.identify(token, peer), stamp=stamp)
            if not self.is_outdated(who, stamp):
                return who

    async def identify(self, token: str, peer: Peer) -> Identity:
        """Whoever the token names, else the account of the cookie, else nobody."""
        if token:
            if not self._credentials.concerns(token):
                return self._client(token)
            return await self._own(await self._credentials.prove(token), can_refresh=True)
        if peer.cookie:
            try:
                return await self._own(await self._credentials.prove_cookie(peer.cookie), can_refresh=False)
            except Unauthenticated:
                return NOBODY  # a cookie that is no longer good leaves a visitor, who may still watch public pages
        return NOBODY

    async def current(self, who: Identity) -> Identity:
        """`who` with the rights of now; Unauthenticated when the sign-in is over."""
        stamp = self._changes.stamp
        if who.proof is None or not self._changes.since(who.stamp, who.user):
            return who
        known = await self._known.get(who.proof)
        if known is None:
            raise Unauthenticated
        return replace(who, principal=known.principal, stamp=stamp)

    def is_outdated(self, who: Identity, stamp: int, wire_channel: str = "") -> bool:
        """Whether what `who` may see, or the channel may show, can have changed since `stamp`."""
        named = parse_channel(wire_channel)
        names = [] if named is None else [page_name(named.slug)]
        if is_signed_in(who):
            names.append(who.user)
        return bool(names) and self._changes.since(stamp, *names)

    @property
    def stamp(self) -> int:
        """To be taken before rights are read, for `is_outdated`."""
        return self._changes.stamp

    async def subscribe(self, who: Identity, client: str, join: Join) -> Grant:
        given = None if join.id else who.ordered_subs.get(join.channel, who.server_subs.get(join.channel))
        if given is not None:
            own = who.principal.account_id
            if own is not None and join.channel == personal_channel(own):
                return Grant(account_channel(own), PERSONAL.options)
            return self._give(join.channel, given)
        if is_reserved(join.channel):
            return await self._page(who, join.channel)
        claims = self._subscription(who, client, join.channel, join.token) if join.token else None
        self._check(self._rules.subscribe(join.channel, who.user, has_token=claims is not None))
        options = self._options(join.channel)
        if claims is None:
            return Grant(join.channel, options)
        return Grant(
            join.channel,
            overridden(options, claims.override),
            expires_in_s=self._left_s(claims.expires_at),
            info=claims.info,
            data=claims.data,
        )

    def renew(self, who: Identity, client: str, channel: str, token: str) -> float | None:
        """Seconds until the subscription ends with a fresh token; raises Denied or TokenExpired."""
        if is_reserved(channel):
            raise Denied(ErrorCode.NOT_AVAILABLE)
        return self._left_s(self._subscription(who, client, channel, token).expires_at)

    async def history(self, who: Identity, channel: str, *, is_subscribed: bool) -> str:
        """The channel whose past may be read under this name."""
        if is_reserved(channel):
            return (await self._page(who, channel)).channel
        self._check(self._rules.history(channel, who.user, is_subscribed=is_subscribed))
        return channel

    def publish(self, who: Identity, channel: str, *, is_subscribed: bool) -> None:
        self._check(self._rules.publish(channel, who.user, is_subscribed=is_subscribed))

    def presence(self, who: Identity, channel: str, *, is_subscribed: bool) -> None:
        if is_reserved(channel):  # who else watches a status page is nobody's business
            raise Denied(ErrorCode.NOT_AVAILABLE)
        self._check(self._rules.presence(channel, who.user, is_subscribed=is_subscribed))

    # Who

    async def _own(self, proof: Proof, *, can_refresh: bool) -> Identity:
        """An account of this hub, or a machine's key; which of them have news of their own, the first alone."""
        known = await self._known.get(proof)
        if known is None:
            raise Unauthenticated
        left_s = self._left_s(known.ends_at)
        key_id, account_id = known.principal.key_id, known.principal.account_id or ""
        if key_id is not None:
            return Identity(known.principal, proof, user=key_user(key_id), expires_in_s=left_s)
        return Identity(
            known.principal,
            proof,
            user=account_id,
            expires_in_s=left_s,
            can_refresh=can_refresh,
            server_subs={f"{USER_BOUNDARY}{account_id}": _FROM_THE_HUB},
        )

    def _client(self, token: str) -> Identity:
        """Somebody whom another application vouches for; to pages an anonymous visitor."""
        claims = self._client_tokens.connection(token, self._clock.now())
        subs = dict(claims.server_subs)
        personal = personal_channel(claims.user)
        if personal is not None and self._channels.has_personal_channels:
            subs.setdefault(personal, _FROM_THE_HUB)
        return Identity(
            user=claims.user,
            expires_in_s=self._left_s(claims.expires_at),
            can_refresh=claims.expires_at is not None,
            info=claims.info,
            server_subs=subs,
        )

    def _left_s(self, ends_at: datetime | None) -> float | None:
        return None if ends_at is None else (ends_at - self._clock.now()).total_seconds()

    # Channels

    def _give(self, channel: str, given: ServerSub) -> Grant:
        self._check(self._rules.give(channel))
        options = overridden(self._options(channel), given.override)
        return Grant(channel, options, info=given.info, data=given.data)

    def _subscription(self, who: Identity, client: str, channel: str, token: str) -> SubscriptionClaims:
        try:
            return self._client_tokens.subscription(
                token, self._clock.now(), channel=channel, user=who.user, client=client
            )
        except TokenExpired:
            raise
        except Unauthenticated:
            raise Denied(ErrorCode.PERMISSION_DENIED) from None

    def _options(self, channel: str) -> ChannelOptions:
        options = self._channels.options(channel)
        if options is None:
            raise Denied(ErrorCode.UNKNOWN_CHANNEL)
        return options

    def _check(self, refusal: ErrorCode | None) -> None:
        if refusal is not None:
            raise Denied(refusal)

    async def _page(self, who: Identity, wire_channel: str) -> Grant:
        named = named_channel(wire_channel)
        site = await self._sites.get(named.slug)
        if site is None:
            raise NotFound
        sight = site.sight_of(named, who.principal)
        if not self._node.has(sight.channel):  # else its row is there too
            await self._node.shared(("view", sight.channel), partial(self._ensure_view, sight))
        return Grant(sight.channel, _PAGE_OPTIONS)

    # What many ask at once

    async def _load_sites(self, slugs: Collection[str]) -> Mapping[str, Site]:
        found: dict[str, Site] = {}
        async with self._db() as session:
            for slug in slugs:
                with contextlib.suppress(NotFound):
                    found[slug] = await load_site(session, slug)
        return found

    async def _ensure_view(self, sight: Sight) -> None:
        async with self._db.begin() as session:
            await ensure_view(session, sight.page, sight.view, self._clock.now())
