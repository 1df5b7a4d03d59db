"""Access tokens: short JWTs, issued and verified here alone, given keys and an instant.

One key has one algorithm and is found by `kid` (RFC 8725 §3.1: the pair is what is pinned, not a list). Nothing a token
says makes the hub fetch or read anything, and every claim has bounds of our own: the library leaves most of them open.
"""

import base64
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import jwt
import msgspec

from hub.auth.key_files import foundation_of
from hub.auth.keyring import Foundation, Generation, Key, derive
from hub.errors import TokenExpired, Unauthenticated, Unavailable
from hub.settings import Settings

ACCESS_TYPE = "at+jwt"  # RFC 9068 §2.1: a token of another kind is not an access token, whoever signed it
MAX_TOKEN_BYTES = 4096  # refused undecoded above this: decoding 10 MB costs 2.3 s of the event loop
MAX_LIFETIME_S = 86_400
_KNOWN_HEADERS = {"alg", "typ", "kid"}  # so `crit`, `jku`, `x5u` and `jwk` are refused, not skipped
COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_ID = re.compile(r"[a-z0-9]{12}")
_TOKEN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_OWN_KID = re.compile(r"(hs|pk)-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid access token says. Whether its session still lives is asked of the database, each time."""

    account_id: str
    session_id: str
    version: int
    expires_at: datetime
    issued_at: datetime
    token_id: str


class UnknownKey(Unauthenticated):
    """The token names a key that was never heard of; another node may have begun to sign with it."""


class Tokens:
    """The one issuer and verifier. Which key signs and which are believed, its keyring says; `adopt` replaces that."""

    def __init__(self, foundation: Foundation, *, issuer: str, audience: str, ttl_s: int, leeway_s: int = 0) -> None:
        self.foundation = foundation
        self.keyring = foundation.keyring()
        self._refresh_key = derive(foundation.secret, b"status-hub refresh chain v1")
        self._issuer, self._audience = issuer, audience
        self.ttl_s, self.leeway_s = ttl_s, leeway_s

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the settings say, before any rotation; raises ValueError, in one line for people."""
        return cls(
            foundation_of(settings),
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            ttl_s=settings.jwt_access_ttl_s,
            leeway_s=settings.jwt_leeway_s,
        )

    def adopt(self, generations: Iterable[Generation]) -> None:
        """Sign and verify with these generations from now on."""
        self.keyring = self.foundation.keyring(generations)

    def issue(self, *, account_id: str, session_id: str, version: int, now: datetime) -> str:
        """A signed access token that ends `ttl_s` after `now`; raises Unavailable when no key may sign."""
        try:
            key = self.keyring.signing(now)
        except LookupError:
            raise Unavailable("No key may sign at this moment.") from None
        issued_at = int(now.timestamp())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": account_id,
            "sid": session_id,
            "ver": version,
            "iat": issued_at,
            "exp": issued_at + self.ttl_s,
            "jti": secrets.token_urlsafe(12),
        }
        return jwt.encode(claims, key.signing, algorithm=key.algorithm, headers={"typ": ACCESS_TYPE, "kid": key.kid})

    def verify(self, token: str, now: datetime) -> Claims:
        """The claims of a valid token.

        Raises TokenExpired when only its time is over, UnknownKey when the key is worth looking for, Unauthenticated
        for all else.
        """
        parts = COMPACT.fullmatch(token) if len(token) <= MAX_TOKEN_BYTES else None
        if parts is None:
            raise Unauthenticated
        try:
            key = self._key_of(_object(from_b64(parts[1])), now)
            if key.algorithm == "HS256":
                # Not by PyJWT, which reads the token twice and looks for a certificate in the secret: 10 us, not 100.
                signed = f"{parts[1]}.{parts[2]}".encode()
                if not hmac.compare_digest(hmac.digest(key.verifying, signed, "sha256"), from_b64(parts[3])):
                    raise Unauthenticated
                payload = _object(from_b64(parts[2]))
            else:
                payload = jwt.decode(token, key.verifying, algorithms=[key.algorithm], options=SIGNATURE_ONLY)
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            raise Unauthenticated from None
        return self._claims(payload, now.timestamp())

    def refresh_child(self, parent: str) -> str:
        """The one refresh token that follows `parent`; the same each time, and not to be guessed without the secret."""
        return hmac.digest(self._refresh_key, parent.encode(), "sha256").hex()

    def _key_of(self, header: dict[str, Any], now: datetime) -> Key:
        kid = header.get("kid")
        if not isinstance(kid, str) or not header.keys() <= _KNOWN_HEADERS or header.get("typ") != ACCESS_TYPE:
            raise Unauthenticated
        key = self.keyring.verifying(kid, now)
        if key is None and _OWN_KID.fullmatch(kid) and not self.keyring.knows(kid):
            raise UnknownKey
        if key is None or header.get("alg") != key.algorithm:
            raise Unauthenticated
        return key

    def _claims(self, payload: dict[str, Any], now_s: float) -> Claims:
        if payload.get("iss") != self._issuer or payload.get("aud") != self._audience:
            raise Unauthenticated
        issued, expires = whole_seconds(payload.get("iat")), whole_seconds(payload.get("exp"))
        not_before = whole_seconds(payload.get("nbf", issued))
        if not issued < expires <= issued + MAX_LIFETIME_S or max(issued, not_before) > now_s + self.leeway_s:
            raise Unauthenticated
        claims = Claims(
            account_id=_text(payload.get("sub"), _ID),
            session_id=_text(payload.get("sid"), _ID),
            version=whole_seconds(payload.get("ver")),
            expires_at=datetime.fromtimestamp(expires, UTC),
            issued_at=datetime.fromtimestamp(issued, UTC),
            token_id=_text(payload.get("jti"), _TOKEN_ID),
        )
        if now_s >= expires + self.leeway_s:
            raise TokenExpired
        return claims


# All claims are checked in `_claims`: PyJWT 2.15 lets a missing `exp`, a numeric string and any `typ` pass.
SIGNATURE_ONLY: Any = {
    "verify_signature": True,
    **dict.fromkeys(
        ("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss", "verify_sub", "verify_jti"), False
    ),
}


_object = msgspec.json.Decoder(dict[str, Any]).decode  # its errors are ValueErrors


def from_b64(text: str) -> bytes:
    """A part of a token; raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def whole_seconds(value: object) -> int:
    """A claim that is an instant or a count; raises Unauthenticated for all else."""
    if type(value) is not int or not 0 <= value < 2**40:  # bool is an int; 2**40 s is the year 36812
        raise Unauthenticated
    return value


def _text(value: object, syntax: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not syntax.fullmatch(value):
        raise Unauthenticated
    return value
