"""Wait for a condition, never for a length of time."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")


@overload
async def wait_until(condition: Callable[[], Awaitable[T]], within_s: float = ..., every_s: float = ...) -> T: ...
@overload
async def wait_until(condition: Callable[[], T], within_s: float = ..., every_s: float = ...) -> T: ...
async def wait_until(condition: Callable[[], object], within_s: float = 20.0, every_s: float = 0.02) -> object:
    """The first truthy value of `condition` (plain or async); AssertionError when none comes `within_s`."""
    deadline = time.monotonic() + within_s
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {_described(condition)} (last value {value!r})")
        await asyncio.sleep(every_s)


def wait_until_blocking(condition: Callable[[], T], within_s: float = 20.0, every_s: float = 0.02) -> T:
    """`wait_until` for tests without a loop."""
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {_described(condition)} (last value {value!r})")
        time.sleep(every_s)
    return value


def _described(condition: Callable[[], object]) -> str:
    try:
        return inspect.getsource(condition).strip()
    except (OSError, TypeError):
        return repr(condition)
