"""Signing keys by generation: which one signs at an instant, and which are believed. Pure.

A generation's key is derived from the hub's secret and the generation's salt (docs/decisions/0016-signing-keys.md), so
whoever has the secret needs nothing else to know it, and the table of generations holds no secret. Generation zero has
no salt and no row: a hub that never rotated signs with it.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

HS256, EDDSA, RS256 = "HS256", "EdDSA", "RS256"
_PURPOSE = {
    HS256: b"status-hub access token HS256 v1",
    EDDSA: b"status-hub access token EdDSA v1",
}
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Key:
    """One key with the one algorithm it may be used with. `signing` is None for a key that only verifies."""

    kid: str
    algorithm: str
    verifying: Any
    signing: Any = None
    signs_from: datetime = _ALWAYS
    ends_at: datetime | None = None  # from then on what it signed is refused


@dataclass(frozen=True, slots=True)
class Generation:
    """What is stored of a derived key."""

    kid: str
    algorithm: str
    salt: str
    signs_from: datetime
    ends_at: datetime | None = None


class Keyring:
    """Immutable. Of two keys that may sign the younger one does, of equals the one named first."""

    def __init__(self, keys: Sequence[Key], *, algorithm: str | None = None) -> None:
        """`algorithm`: which keys may sign; by default that of the first."""
        self._by_kid = {key.kid: key for key in keys}
        wanted = algorithm or keys[0].algorithm
        self._signing = [key for key in keys if key.signing is not None and key.algorithm == wanted]
        if not self._signing:
            raise ValueError("no key can sign")

    def signing(self, now: datetime) -> Key:
        """The key that signs `now`; raises LookupError when all have ended."""
        able = [key for key in self._signing if key.signs_from <= now and not _is_over(key, now)]
        if not able:
            raise LookupError("every signing key has ended")
        return max(able, key=lambda key: key.signs_from)

    def verifying(self, kid: str, now: datetime) -> Key | None:
        """The key that `kid` names, also one that does not sign yet: another node's clock may be ahead."""
        key = self._by_kid.get(kid)
        return None if key is None or _is_over(key, now) else key

    def knows(self, kid: str) -> bool:
        """Whether there is or was such a key."""
        return kid in self._by_kid


@dataclass(frozen=True, slots=True)
class Foundation:
    """What the settings give: the secret, and keys of files, the first of which signs; without files all is derived."""

    secret: bytes
    algorithm: str
    files: tuple[Key, ...] = ()

    @property
    def is_derived(self) -> bool:
        """Whether generations sign, and not a file."""
        return all(key.signing is None for key in self.files)

    def zero(self) -> Generation:
        """The generation of a hub that never rotated."""
        return Generation(derive_key(self.secret, self.algorithm, "").kid, self.algorithm, "", _ALWAYS)

    def generation(self, salt: str, signs_from: datetime) -> Generation:
        """A new one."""
        return Generation(derive_key(self.secret, self.algorithm, salt).kid, self.algorithm, salt, signs_from)

    def keyring(self, generations: Iterable[Generation] = ()) -> Keyring:
        """All keys. Generations of another secret are left out: nobody here could derive them."""
        derived = {one.kid: self._key(one) for one in generations if self.is_own(one)}
        if self.is_derived:
            zero = self.zero()
            derived.setdefault(zero.kid, self._key(zero))
        else:
            # A file signs. What was derived before is believed as long as it would have been.
            derived = {kid: _only_verifying(key) for kid, key in derived.items()}
        return Keyring([*self.files, *derived.values()], algorithm=self.algorithm)

    def is_own(self, generation: Generation) -> bool:
        """Whether it was derived from this secret."""
        if generation.algorithm not in _PURPOSE:
            return False
        return derive_key(self.secret, generation.algorithm, generation.salt).kid == generation.kid

    def _key(self, generation: Generation) -> Key:
        key = derive_key(self.secret, generation.algorithm, generation.salt)
        return Key(key.kid, key.algorithm, key.verifying, key.signing, generation.signs_from, generation.ends_at)


def derive_key(secret: bytes, algorithm: str, salt: str) -> Key:
    """The key of a generation; of generation zero with salt "". The secret itself signs nothing."""
    material = derive(secret, _PURPOSE[algorithm] + salt.encode())
    if algorithm == HS256:
        return Key(thumbprint("hs", material), HS256, material, material)
    return public_key_pair(Ed25519PrivateKey.from_private_bytes(material), EDDSA)


def public_key_pair(signing: Any, algorithm: str) -> Key:
    """A private key with its public one."""
    return Key(public_kid(signing.public_key()), algorithm, signing.public_key(), signing)


def public_kid(public: Any) -> str:
    spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return thumbprint("pk", spki)


def derive(secret: bytes, purpose: bytes) -> bytes:
    return hmac.digest(secret, purpose, "sha256")


def thumbprint(kind: str, material: bytes) -> str:
    return f"{kind}-{hashlib.sha256(material).hexdigest()[:12]}"


def _is_over(key: Key, now: datetime) -> bool:
    return key.ends_at is not None and key.ends_at <= now


def _only_verifying(key: Key) -> Key:
    return Key(key.kid, key.algorithm, key.verifying, None, key.signs_from, key.ends_at)
