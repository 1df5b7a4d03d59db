"""A `connect` on its way: what waits for it, and when what it opens will end."""

import math

from hub.protocol import commands
from hub.protocol.codec import ConnectResult, SubscribeResult
from hub.protocol.commands import Command
from hub.protocol.limits import Manner


class Connecting:
    """What is kept while `connect` is being answered."""

    __slots__ = ("id", "missing", "request", "subs", "ttl_s", "waiting")

    def __init__(self, id: int, request: commands.Connect) -> None:
        self.id = id
        self.request = request
        self.ttl_s: int | None = None
        self.subs: dict[str, SubscribeResult] = {}
        self.missing: set[str] = set()
        self.waiting: list[Command] = []

    def result(self, client: str, version: str, ping_interval_s: float, manner: Manner) -> ConnectResult:
        """What the client is told now that everything is there."""
        return ConnectResult(
            client=client,
            version=version,
            ping_s=max(1, round(ping_interval_s)),
            is_pong_wanted=manner.is_pong_wanted,
            ttl_s=self.ttl_s,
            subs=self.subs,
            session=manner.session,
            node=manner.node,
        )


def instant(expires_in_s: float | None, now: float) -> float:
    return math.inf if expires_in_s is None else now + expires_in_s


def announced_ttl_s(expires_in_s: float | None) -> int | None:
    """Whole seconds; at least 1, as a client takes 0 for "refresh at once, again and again"."""
    return None if expires_in_s is None else max(1, math.floor(expires_in_s))
