"""How many commands a connection may still give: a token bucket."""


class Allowance:
    """`rate_per_s` is earned up to `burst`; it starts at `first`, which may be more."""

    __slots__ = ("_at", "_burst", "_left", "_rate_per_s", "refused")

    def __init__(self, rate_per_s: float, burst: float, first: float, now: float) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._left = first
        self._at = now
        self.refused = 0  # commands that found it empty

    def take(self, now: float) -> bool:
        """Spend one; False, and counted, when there is none."""
        earned = (now - self._at) * self._rate_per_s
        self._at = now
        self._left = max(self._left, min(self._burst, self._left + earned))
        if self._left < 1:
            self.refused += 1
            return False
        self._left -= 1
        return True

    def give_back(self) -> None:
        """One that was taken counts as not spent."""
        self._left += 1
