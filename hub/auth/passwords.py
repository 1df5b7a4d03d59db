"""Passwords: argon2id, always in a thread, because one hash takes 64 MiB and about a sixth of a second."""

import asyncio
import os
import sys
import threading
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH, MAX_LENGTH = 8, 256  # characters; the upper bound keeps the normalising cheap

_HASHER = PasswordHasher()  # argon2id with RFC 9106's low-memory profile: 64 MiB, 3 passes, 4 lanes
_NICENESS = 10


def _step_back() -> None:
    """Let this thread, and the lanes it starts, have only the time that the event loop leaves.

    On Linux niceness is a thread's own; elsewhere it would be the whole process's.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


# Bounds memory: at most 2 × 64 MiB at once.
_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2", initializer=_step_back)
# Checked for addresses that have no account, so that both cases cost the same. The hash of a password nobody knows;
# tests/unit/auth/test_passwords.py holds its parameters to those of `_HASHER`.
_DUMMY_HASH = "$argon2id$v=19$m=65536,t=3,p=4$w/Xi58/u9X6R6hmoYS2itg$znwP2KRWfsH5BzJhVZketzkUbW61r17CZslQlHmxgxk"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`is_stale`: right, but hashed with older parameters; store a fresh hash."""

    is_right: bool
    is_stale: bool = False


async def hash_password(password: str) -> str:
    """The text to store for `password`; salted, so never the same twice."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _HASHER.hash, _normal(password))


async def verify_password(password: str, stored: str | None) -> Verdict:
    """Whether `password` made `stored`. Without an account (`stored` is None) the answer is no, after the same time."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _verify, _normal(password), stored)


def _verify(password: str, stored: str | None) -> Verdict:
    try:
        _HASHER.verify(stored or _DUMMY_HASH, password)
    except (VerificationError, InvalidHashError):
        return Verdict(is_right=False)
    return Verdict(is_right=stored is not None, is_stale=stored is not None and _HASHER.check_needs_rehash(stored))


def _normal(password: str) -> str:
    return unicodedata.normalize("NFC", password)  # the same key presses on two systems are the same password
