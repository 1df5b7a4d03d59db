"""Tokens of other issuers, and the keys (JWKS, RFC 7517) that they are believed by. Pure: documents and instants in.

A key's own description says the one algorithm it is for; what a token says of it only has to agree. Nothing of a token
is believed before its signature, but `iss`, by which its issuer's keys are looked up among those configured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm

from hub.auth.keyring import Key
from hub.auth.tokens import COMPACT, MAX_LIFETIME_S, MAX_TOKEN_BYTES, SIGNATURE_ONLY, from_b64, whole_seconds
from hub.errors import TokenExpired, Unauthenticated

MAX_KEYS = 64
MAX_KID_LENGTH = 255
MAX_SUBJECT_LENGTH = 255
_MIN_RSA_BITS, _MAX_RSA_BITS = 2048, 8192  # verifying costs more with every bit
_TYPES = {"jwt", "at+jwt", "application/at+jwt"}
_MAX_AUDIENCES = 16


@dataclass(frozen=True, slots=True)
class ForeignClaims:
    """What a valid token of another issuer says. `is_vouched`: the issuer is trusted to know its people."""

    issuer: str
    subject: str
    expires_at: datetime
    is_vouched: bool


@dataclass(frozen=True, slots=True)
class Trust:
    """In what one issuer is believed."""

    issuer: str
    audience: str
    algorithms: frozenset[str]
    is_verified: bool = False


def read_jwks(raw: bytes, algorithms: frozenset[str]) -> dict[str, Key]:
    """The usable keys of a document by `kid`; raises ValueError when it is none.

    Left out, not refused: keys for other purposes or algorithms, too weak or too big ones, those without a `kid`, and
    those that share one.
    """
    try:
        document = msgspec.json.decode(raw, type=_Document)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError("not a JWKS document") from error
    if len(document.keys) > MAX_KEYS:
        raise ValueError(f"a JWKS document of more than {MAX_KEYS} keys")
    found: dict[str, Key] = {}
    shared: set[str] = set()
    for raw_key in document.keys:
        key = _key(raw_key, algorithms)
        if key is None:
            continue
        if key.kid in found:
            shared.add(key.kid)
        found[key.kid] = key
    return {kid: key for kid, key in found.items() if kid not in shared}


def claimed_issuer(token: str) -> str | None:
    """What `iss` of a token says, believed by nobody yet; None for what cannot be a token."""
    match = COMPACT.fullmatch(token) if len(token) <= MAX_TOKEN_BYTES else None
    if match is None:
        return None
    try:
        issuer = msgspec.json.decode(from_b64(match[2]), type=_Issuer).iss
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return issuer


def claimed_kid(token: str) -> str:
    """The key that a token names; raises Unauthenticated for a header that no honest issuer of ours writes."""
    match = COMPACT.fullmatch(token) if len(token) <= MAX_TOKEN_BYTES else None
    if match is None:
        raise Unauthenticated
    return _read_header(match[1])[0]


def verify_foreign(token: str, key: Key, trust: Trust, now: datetime, *, leeway_s: int) -> ForeignClaims:
    """The claims of a token that `key` signed for us; raises TokenExpired when only its time is over.

    Unauthenticated for all else.
    """
    match = COMPACT.fullmatch(token) if len(token) <= MAX_TOKEN_BYTES else None
    if match is None or _read_header(match[1]) != (key.kid, key.algorithm):
        raise Unauthenticated
    try:
        payload = jwt.decode(token, key.verifying, algorithms=[key.algorithm], options=SIGNATURE_ONLY)
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        raise Unauthenticated from None
    if payload.get("iss") != trust.issuer or not _names(payload.get("aud"), trust.audience):
        raise Unauthenticated
    now_s = now.timestamp()
    issued, expires = whole_seconds(payload.get("iat")), whole_seconds(payload.get("exp"))
    not_before = whole_seconds(payload.get("nbf", issued))
    if not issued < expires <= issued + MAX_LIFETIME_S or max(issued, not_before) > now_s + leeway_s:
        raise Unauthenticated
    subject = payload.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_LENGTH or not subject.isprintable():
        raise Unauthenticated
    if now_s >= expires + leeway_s:
        raise TokenExpired
    return ForeignClaims(trust.issuer, subject, datetime.fromtimestamp(expires, UTC), trust.is_verified)


class _Described(msgspec.Struct):
    kty: str = ""
    kid: str | None = None
    alg: str | None = None
    use: str | None = None
    key_ops: list[str] | None = None
    crv: str | None = None
    n: str = ""
    e: str = ""
    x: str = ""
    y: str = ""


class _Document(msgspec.Struct):
    keys: list[msgspec.Raw]


class _Issuer(msgspec.Struct):
    iss: str | None = None


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    """`jku`, `x5u`, `jwk`, `x5c` and `crit` are refused, not skipped; thumbprints only repeat what `kid` says."""

    alg: str
    kid: str
    typ: str | None = None
    x5t: str | None = None
    x5t_s256: str | None = msgspec.field(default=None, name="x5t#S256")


def _read_header(part: str) -> tuple[str, str]:
    """(kid, alg)"""
    try:
        header = msgspec.json.decode(from_b64(part), type=_Header)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise Unauthenticated from None
    if (header.typ or "JWT").lower() not in _TYPES or not 0 < len(header.kid) <= MAX_KID_LENGTH:
        raise Unauthenticated
    return header.kid, header.alg


def _key(raw: msgspec.Raw, algorithms: frozenset[str]) -> Key | None:
    try:
        described = msgspec.json.decode(raw, type=_Described)
    except (msgspec.MsgspecError, RecursionError):
        return None
    algorithm = {("RSA", None): "RS256", ("OKP", "Ed25519"): "EdDSA", ("EC", "P-256"): "ES256"}.get(
        (described.kty, described.crv)
    )
    kid = described.kid
    if algorithm is None or algorithm not in algorithms or described.alg not in {None, algorithm}:
        return None
    if not kid or len(kid) > MAX_KID_LENGTH:
        return None
    if described.use not in {None, "sig"} or (described.key_ops is not None and "verify" not in described.key_ops):
        return None
    fields = {"kty": described.kty, "crv": described.crv, "n": described.n, "e": described.e}
    fields |= {"x": described.x, "y": described.y}
    try:
        public = jwt.PyJWK({name: value for name, value in fields.items() if value}, algorithm).key
    except (jwt.PyJWTError, UnsupportedAlgorithm, ValueError, TypeError):
        return None
    bits = getattr(public, "key_size", 0) if algorithm == "RS256" else _MIN_RSA_BITS
    if not _MIN_RSA_BITS <= bits <= _MAX_RSA_BITS:
        return None
    return Key(kid, algorithm, public)


def _names(audience: object, ours: str) -> bool:
    """A list is what many issuers write for tokens of several services."""
    if isinstance(audience, str):
        return audience == ours
    return isinstance(audience, Sequence) and len(audience) <= _MAX_AUDIENCES and ours in audience
