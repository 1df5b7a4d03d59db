"""Access tokens: short JWTs, issued and verified here alone, given keys and an instant.

One key has one algorithm and is found by `kid` (RFC 8725 §3.1: the pair is what is pinned, not a list). Nothing a token
says makes the hub fetch or read anything, and every claim has bounds of our own: the library leaves most of them open.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import jwt
import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from hub.errors import TokenExpired, Unauthenticated
from hub.settings import Settings

ACCESS_TYPE = "at+jwt"  # RFC 9068 §2.1: a token of another kind is not an access token, whoever signed it
MAX_TOKEN_BYTES = 4096  # refused undecoded above this: decoding 10 MB costs 2.3 s of the event loop
MAX_LIFETIME_S = 86_400
_KNOWN_HEADERS = {"alg", "typ", "kid"}  # so `crit`, `jku`, `x5u` and `jwk` are refused, not skipped
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_ID = re.compile(r"[a-z0-9]{12}")
_TOKEN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MIN_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class Key:
    """One key with the one algorithm it may be used with. `signing` is None for a key that only verifies."""

    kid: str
    algorithm: str
    verifying: Any
    signing: Any = None


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid access token says. Whether its session still lives is asked of the database, each time."""

    account_id: str
    session_id: str
    version: int
    expires_at: datetime
    issued_at: datetime
    token_id: str


class Tokens:
    """Issues with the first key, verifies with any: a new key goes in front, the old one stays while its tokens do."""

    def __init__(
        self, keys: Sequence[Key], *, secret: bytes, issuer: str, audience: str, ttl_s: int, leeway_s: int = 0
    ) -> None:
        if not keys or keys[0].signing is None:
            raise ValueError("the first key must be able to sign")
        self._keys = {key.kid: key for key in keys}
        self._current = keys[0]
        self._refresh_key = _derive(secret, b"status-hub refresh chain v1")
        self._issuer, self._audience = issuer, audience
        self.ttl_s, self._leeway_s = ttl_s, leeway_s

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Keys as the settings say; raises ValueError, in one line for people, when something is missing or unfit."""
        if settings.hub_secret_key is None:
            raise ValueError("no signing key: set HUB_SECRET_KEY")
        secret = settings.hub_secret_key.get_secret_value().encode()
        if len(secret) < 16:
            raise ValueError("HUB_SECRET_KEY is too short: use at least 16 random characters")
        if settings.jwt_algorithm == "HS256":
            key = secret_key(secret)
        elif settings.jwt_private_key_file is not None:
            key = private_key(settings.jwt_algorithm, settings.jwt_private_key_file)
        else:
            raise ValueError(f"JWT_ALGORITHM={settings.jwt_algorithm} needs JWT_PRIVATE_KEY_FILE")
        return cls(
            [key],
            secret=secret,
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            ttl_s=settings.jwt_access_ttl_s,
            leeway_s=settings.jwt_leeway_s,
        )

    def issue(self, *, account_id: str, session_id: str, version: int, now: datetime) -> str:
        """A signed access token that ends `ttl_s` after `now`."""
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
        headers = {"typ": ACCESS_TYPE, "kid": self._current.kid}
        return jwt.encode(claims, self._current.signing, algorithm=self._current.algorithm, headers=headers)

    def verify(self, token: str, now: datetime) -> Claims:
        """The claims of a valid token; raises TokenExpired when only its time is over, Unauthenticated for all else."""
        parts = _COMPACT.fullmatch(token) if len(token) <= MAX_TOKEN_BYTES else None
        if parts is None:
            raise Unauthenticated
        try:
            key = self._key_of(_object(_b64(parts[1])))
            if key.algorithm == "HS256":
                # Not by PyJWT, which reads the token twice and looks for a certificate in the secret: 10 us, not 100.
                signed = f"{parts[1]}.{parts[2]}".encode()
                if not hmac.compare_digest(hmac.digest(key.verifying, signed, "sha256"), _b64(parts[3])):
                    raise Unauthenticated
                payload = _object(_b64(parts[2]))
            else:
                payload = jwt.decode(token, key.verifying, algorithms=[key.algorithm], options=_SIGNATURE_ONLY)
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            raise Unauthenticated from None
        return self._claims(payload, now.timestamp())

    def refresh_child(self, parent: str) -> str:
        """The one refresh token that follows `parent`; the same each time, and not to be guessed without the secret."""
        return hmac.digest(self._refresh_key, parent.encode(), "sha256").hex()

    def _key_of(self, header: dict[str, Any]) -> Key:
        kid = header.get("kid")
        key = self._keys.get(kid) if isinstance(kid, str) else None
        fits = key is not None and header.get("alg") == key.algorithm and header.get("typ") == ACCESS_TYPE
        if key is None or not fits or not header.keys() <= _KNOWN_HEADERS:
            raise Unauthenticated
        return key

    def _claims(self, payload: dict[str, Any], now_s: float) -> Claims:
        if payload.get("iss") != self._issuer or payload.get("aud") != self._audience:
            raise Unauthenticated
        issued, expires = _seconds(payload.get("iat")), _seconds(payload.get("exp"))
        not_before = _seconds(payload.get("nbf", issued))
        if not issued < expires <= issued + MAX_LIFETIME_S or max(issued, not_before) > now_s + self._leeway_s:
            raise Unauthenticated
        claims = Claims(
            account_id=_text(payload.get("sub"), _ID),
            session_id=_text(payload.get("sid"), _ID),
            version=_seconds(payload.get("ver")),
            expires_at=datetime.fromtimestamp(expires, UTC),
            issued_at=datetime.fromtimestamp(issued, UTC),
            token_id=_text(payload.get("jti"), _TOKEN_ID),
        )
        if now_s >= expires + self._leeway_s:
            raise TokenExpired
        return claims


def secret_key(secret: bytes) -> Key:
    """The HS256 key derived from the hub's secret; the secret itself signs nothing."""
    key = _derive(secret, b"status-hub access token HS256 v1")
    return Key(_thumbprint("hs", key), "HS256", key, key)


def private_key(algorithm: str, path: Path) -> Key:
    """An EdDSA (Ed25519) or RS256 key from a PEM file; raises ValueError when the file does not hold one."""
    try:
        signing = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"{path}: no readable private key in PEM form") from error
    match algorithm, signing:
        case "EdDSA", Ed25519PrivateKey():
            pass
        case "RS256", RSAPrivateKey() if signing.key_size >= _MIN_RSA_BITS:
            pass
        case _:
            raise ValueError(f"{path}: not a key that fits {algorithm}")
    public = signing.public_key()
    spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Key(_thumbprint("pk", spki), algorithm, public, signing)


# All claims are checked in `_claims`: PyJWT 2.15 lets a missing `exp`, a numeric string and any `typ` pass.
_SIGNATURE_ONLY: Any = {
    "verify_signature": True,
    **dict.fromkeys(
        ("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss", "verify_sub", "verify_jti"), False
    ),
}


_object = msgspec.json.Decoder(dict[str, Any]).decode  # its errors are ValueErrors


def _b64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _seconds(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**40:  # bool is an int; 2**40 s is the year 36812
        raise Unauthenticated
    return value


def _text(value: object, syntax: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not syntax.fullmatch(value):
        raise Unauthenticated
    return value


def _derive(secret: bytes, purpose: bytes) -> bytes:
    return hmac.digest(secret, purpose, "sha256")


def _thumbprint(kind: str, material: bytes) -> str:
    return f"{kind}-{hashlib.sha256(material).hexdigest()[:12]}"
