"""Identifiers: 12 characters `[a-z0-9]` that sort by the time they were made (ADR 0002)."""

import secrets
import time

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_LENGTH = 12
_EPOCH_MS = 1_577_836_800_000  # 2020-01-01T00:00:00Z
_RANDOM_BITS = 20  # about a million ids a millisecond; a clash would fail on the primary key, not pass unseen


def new_id() -> str:
    """A fresh id. Not a secret: it can be guessed, so it never grants anything."""
    ticks = time.time_ns() // 1_000_000 - _EPOCH_MS
    return encode_id((ticks << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS))


def new_epoch() -> str:
    """A fresh name for one life of a channel's history (random, never compared by order)."""
    return encode_id(secrets.randbits(61))


def encode_id(number: int) -> str:
    """`number` in base 36, left-padded to 12 digits, so that text order is number order."""
    digits = []
    for _ in range(_LENGTH):
        number, rest = divmod(number, 36)
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))
