"""A channel without history on this node: whoever is in gets what comes, and nothing is remembered."""

import logging

from hub.clock import Clock
from hub.engine.broker import Message
from hub.engine.envelope import unpacked
from hub.engine.fanout import Fanout, Member
from hub.engine.live import Accept, Entry, take_presence
from hub.protocol.stream import Publication, StreamPosition

log = logging.getLogger(__name__)

_ENTRY = Entry(StreamPosition("", 0), None, ())


class PlainChannel:
    """Speaks to the node as `hub.engine.live.LiveChannel` does."""

    def __init__(self, name: str, fanout: Fanout, clock: Clock) -> None:
        self.name = name
        self._clock = clock
        self.fanout = fanout
        self.joining = 0

    @property
    def is_idle(self) -> bool:
        return not len(self.fanout) and not self.joining

    def receive(self, message: Message) -> None:
        if take_presence(message, self.fanout) or message.payload is None:
            return
        try:
            publication = unpacked(message)
        except ValueError as error:
            log.warning("unreadable publication on %s: %s", self.name, error)
            return
        self.fanout.send([publication], self._clock.monotonic())

    def tell(self, data: bytes, time_ms: int) -> None:
        """Something of the hub's own; `data` is JSON."""
        self.fanout.send([Publication(0, data, time_ms)], self._clock.monotonic())

    async def enter(
        self,
        member: Member,
        since: StreamPosition | None,  # noqa: ARG002
        must_recover: bool,  # noqa: ARG002
        accept: Accept,
    ) -> None:
        """There is nothing to be brought up to date with."""
        self.fanout.flush()
        if accept(_ENTRY):
            self.fanout.add(member, last=0)
