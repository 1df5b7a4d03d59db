"""Tokens that other applications sign for their users: who connects, and which channel somebody may join.

HMAC with the one secret that the hub shares with those applications (`HUB_CLIENT_TOKEN_SECRET`); it has nothing to do
with the hub's own access tokens, which open accounts. Which of the two a token is, its header says (`is_access_token`),
and each verifier refuses the other's kind.
"""

import base64
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

import msgspec

from hub.auth.rules import is_channel_name
from hub.auth.tokens import ACCESS_TYPE, MAX_TOKEN_BYTES
from hub.errors import TokenExpired, Unauthenticated
from hub.protocol.json_text import one_line
from hub.protocol.override import NO_OVERRIDE, Override
from hub.settings import Settings

MAX_USER_LENGTH = 255
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_DIGESTS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}  # one family for one key
_MAX_INSTANT_S = 2**37  # the year 6325; datetime ends at 9999


@dataclass(frozen=True, slots=True)
class ServerSub:
    """A channel that the connection gets without asking. `info` and `data`: JSON text."""

    info: bytes | None = None
    data: bytes | None = None
    override: Override = NO_OVERRIDE


@dataclass(frozen=True, slots=True)
class ClientClaims:
    """What a valid connection token says. `user` "": somebody anonymous, whom the policy may still refuse."""

    user: str
    expires_at: datetime | None = None  # None: the connection does not expire
    info: bytes | None = None  # JSON text: `conn_info` of presence, joins and publications
    server_subs: Mapping[str, ServerSub] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SubscriptionClaims:
    """What a valid subscription token says, beside the channel and user it was checked against."""

    expires_at: datetime | None = None
    info: bytes | None = None  # JSON text: `chan_info`
    data: bytes | None = None  # JSON text for the subscribe result
    override: Override = NO_OVERRIDE


class ClientTokens:
    """Verifies; signing is the applications' business. Without a secret every token is refused."""

    def __init__(
        self, secret: bytes | None, *, issuer: str | None = None, audience: str | None = None, leeway_s: int = 0
    ) -> None:
        self._secret, self._issuer, self._audience, self._leeway_s = secret, issuer, audience, leeway_s

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Raises ValueError, in one line for people, for a secret that is the hub's own."""
        secret = settings.hub_client_token_secret and settings.hub_client_token_secret.get_secret_value().encode()
        if secret and settings.hub_secret_key and settings.hub_secret_key.get_secret_value().encode() == secret:
            raise ValueError(
                "HUB_CLIENT_TOKEN_SECRET must not be HUB_SECRET_KEY: who signs for clients would own the hub"
            )
        return cls(
            secret or None,
            issuer=settings.hub_client_token_issuer or None,
            audience=settings.hub_client_token_audience or None,
            leeway_s=settings.jwt_leeway_s,
        )

    def connection(self, token: str, now: datetime) -> ClientClaims:
        """Raises TokenExpired when only its time is over (or has not come), Unauthenticated for all else."""
        claims = self._verified(token, _ConnectionToken)
        if claims.channel:
            raise Unauthenticated
        subs = {channel: ServerSub() for channel in claims.channels or ()}  # `subs` wins
        subs |= {
            channel: ServerSub(
                info=_json(one.info, one.b64info),
                data=_json(one.data, one.b64data),
                override=one.override or NO_OVERRIDE,
            )
            for channel, one in (claims.subs or {}).items()
        }
        if not all(map(is_channel_name, subs)):
            raise Unauthenticated
        return ClientClaims(
            user=_user(claims.sub),
            expires_at=self._end(claims, now),
            info=_json(claims.info, claims.b64info),
            server_subs=subs,
        )

    def subscription(self, token: str, now: datetime, *, channel: str, user: str, client: str) -> SubscriptionClaims:
        """The claims of a token for just this channel, user and connection; raises as `connection` does."""
        claims = self._verified(token, _SubscriptionToken)
        if claims.channel != channel or _user(claims.sub) != user or claims.client not in {None, "", client}:
            raise Unauthenticated
        return SubscriptionClaims(
            expires_at=self._end(claims, now),
            info=_json(claims.info, claims.b64info),
            data=_json(claims.data, claims.b64data),
            override=claims.override or NO_OVERRIDE,
        )

    def _verified(self, token: str, kind: "type[_Payload]") -> Any:
        """The payload of a token with a good signature from the right issuer for the right audience."""
        match = _COMPACT.fullmatch(token) if len(token) <= MAX_TOKEN_BYTES else None
        if match is None or self._secret is None:
            raise Unauthenticated
        head, body, signature = match.groups()
        try:
            header = msgspec.json.decode(_b64(head), type=_Header)
            digest = _DIGESTS.get(header.alg)
            if digest is None or (header.typ or "JWT").upper() != "JWT":
                raise Unauthenticated
            # Not by PyJWT: it warns of every short secret, and looks for a certificate in it, at each token.
            expected = hmac.digest(self._secret, f"{head}.{body}".encode(), digest)
            if not hmac.compare_digest(expected, _b64(signature)):
                raise Unauthenticated
            claims = msgspec.json.decode(_b64(body), type=kind)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise Unauthenticated from None
        audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud or []
        if self._issuer not in {None, claims.iss} or (self._audience is not None and self._audience not in audiences):
            raise Unauthenticated
        return claims

    def _end(self, claims: "_Payload", now: datetime) -> datetime | None:
        """When what the token opened ends. `expire_at` has the last word, and 0 means never."""
        now_s = now.timestamp()
        if claims.exp is not None and _instant(claims.exp) <= now_s:
            raise TokenExpired
        if claims.nbf is not None and _instant(claims.nbf) > now_s + self._leeway_s:
            raise TokenExpired
        end_s = claims.exp if claims.expire_at is None else claims.expire_at or None
        if end_s is None:
            return None
        if _instant(end_s) <= now_s:
            raise TokenExpired
        return datetime.fromtimestamp(end_s, UTC)


def is_access_token(token: str) -> bool:
    """Does `token` claim to be one of the hub's own? Whether it is, `Tokens.verify` tells."""
    head = token[:MAX_TOKEN_BYTES].partition(".")[0]
    try:
        return msgspec.json.decode(_b64(head), type=_Kind).typ == ACCESS_TYPE
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False


class _Kind(msgspec.Struct):
    typ: str | None = None


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    """`crit`, `jku`, `x5u`, `jwk` and whatever else would change the meaning are refused, not skipped."""

    alg: str
    typ: str | None = None
    kid: str | None = None


class _Sub(msgspec.Struct):
    info: msgspec.Raw = msgspec.Raw()
    b64info: str = ""
    data: msgspec.Raw = msgspec.Raw()
    b64data: str = ""
    override: Override | None = None


class _Payload(msgspec.Struct):
    sub: str | None = None
    iss: str | None = None
    aud: str | list[str] | None = None
    exp: int | float | None = None
    nbf: int | float | None = None
    expire_at: int | None = None
    info: msgspec.Raw = msgspec.Raw()
    b64info: str = ""


class _ConnectionToken(_Payload):
    channel: str | None = None
    channels: list[str] | None = None
    subs: dict[str, _Sub] | None = None


class _SubscriptionToken(_Payload):
    channel: str | None = None
    client: str | None = None
    data: msgspec.Raw = msgspec.Raw()
    b64data: str = ""
    override: Override | None = None


def _instant(seconds: float) -> float:
    if not 0 <= seconds < _MAX_INSTANT_S:  # NaN is no JSON
        raise Unauthenticated
    return seconds


def _user(sub: str | None) -> str:
    user = sub or ""
    if len(user) > MAX_USER_LENGTH or not all(char.isprintable() for char in user):
        raise Unauthenticated
    return user


def _json(raw: msgspec.Raw, encoded: str) -> bytes | None:
    """One line of JSON text, in whichever of the two forms it was given; None for nothing."""
    try:
        text = base64.b64decode(encoded, validate=True) if encoded else bytes(raw)
        compact = one_line(text or b"null")
    except ValueError:
        raise Unauthenticated from None
    return None if compact == b"null" else compact


def _b64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))  # raises binascii.Error, a ValueError
