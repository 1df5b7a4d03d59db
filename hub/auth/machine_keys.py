"""The text of a machine's key: `hub_` and 256 random bits. Nothing else starts like that, so it is known when seen."""

import hashlib
import re
import secrets

PREFIX = "hub_"
_KEY = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")


def new_key() -> str:
    """A fresh key; to be shown once and stored as `hash_of`."""
    return PREFIX + secrets.token_urlsafe(32)


def is_key(text: str) -> bool:
    """Whether `text` claims to be a key; no token starts with the prefix, because tokens are JSON in base64."""
    return text.startswith(PREFIX)


def hash_of(key: str) -> str | None:
    """What a key is stored and found by; None for what cannot be one.

    Not a password hash: there is nothing to guess in 256 bits. Found by the hash, so no time tells how much was right.
    """
    return hashlib.sha256(key.encode()).hexdigest() if _KEY.fullmatch(key) else None
