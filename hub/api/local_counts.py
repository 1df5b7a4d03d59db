"""What this process alone has counted against its limits: the bound that holds when Redis does not answer. Pure.

Limits come in two kinds. `is_exact` ones look back from this very moment and remember each hit; the others count in
windows of the clock, which costs one number per key and lets at most twice the limit pass around a window's end.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from zlib import crc32

T = TypeVar("T")

KEYS_LIMIT = 20_000  # the least recently used are forgotten: a flood of addresses costs at most some MB


@dataclass(frozen=True, slots=True)
class Policy:
    """At most `amount` hits of one key in `window_s` seconds; an amount of 0 is no limit."""

    name: str
    amount: int
    window_s: int
    is_exact: bool = False

    def window_at(self, key: str, now_s: float) -> tuple[int, float]:
        """(number of the window, seconds to its end). Keys' windows end at different moments, and so no crowd of
        clients comes back in the same one.
        """
        shifted_s = now_s + crc32(key.encode()) % self.window_s
        number = int(shifted_s // self.window_s)
        return number, (number + 1) * self.window_s - shifted_s


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a key stands: `remaining` hits more, until `reset_s` seconds from now give some back."""

    policy: Policy
    remaining: int
    reset_s: float
    is_over: bool = False


class LocalCounts:
    """`now_s` gives seconds of one clock that all nodes share, as the windows are theirs too."""

    def __init__(self, now_s: Callable[[], float], *, keys_limit: int = KEYS_LIMIT) -> None:
        self._now_s, self._keys_limit = now_s, keys_limit
        self._windows: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()  # (number, hits)
        self._hits: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def hit(self, policy: Policy, key: str) -> Standing:
        """Count a hit, unless the key is over its limit already."""
        standing = self.standing(policy, key)
        if standing.is_over:
            return standing
        at = policy.name, key
        if policy.is_exact:
            self._hits.setdefault(at, deque(maxlen=policy.amount)).append(self._now_s())
            self._keep_newest(self._hits, at)
            reset_s = standing.reset_s or policy.window_s
            return Standing(policy, standing.remaining - 1, reset_s)
        number, reset_s = policy.window_at(key, self._now_s())
        self._windows[at] = number, policy.amount - standing.remaining + 1
        self._keep_newest(self._windows, at)
        return Standing(policy, standing.remaining - 1, reset_s)

    def standing(self, policy: Policy, key: str) -> Standing:
        """Where the key stands; `is_over` when another hit would be one too many."""
        now_s = self._now_s()
        if not policy.is_exact:
            number, reset_s = policy.window_at(key, now_s)
            counted_in, count = self._windows.get((policy.name, key), (number, 0))
            remaining = policy.amount - (count if counted_in == number else 0)
            return Standing(policy, remaining, reset_s, is_over=remaining <= 0)
        hits = self._hits.get((policy.name, key), ())
        valid = [at_s for at_s in hits if at_s > now_s - policy.window_s]
        remaining = policy.amount - len(valid)
        reset_s = valid[0] + policy.window_s - now_s if valid else 0.0
        return Standing(policy, remaining, reset_s, is_over=remaining <= 0)

    def take_back(self, policy: Policy, key: str) -> None:
        """Undo the newest hit of an exact limit: it was refused elsewhere, and what is refused does not count."""
        hits = self._hits.get((policy.name, key))
        if hits:
            hits.pop()

    def forget(self, policy: Policy, key: str) -> None:
        self._windows.pop((policy.name, key), None)
        self._hits.pop((policy.name, key), None)

    def _keep_newest(self, counts: OrderedDict[tuple[str, str], T], at: tuple[str, str]) -> None:
        counts.move_to_end(at)
        if len(counts) > self._keys_limit:
            counts.popitem(last=False)
