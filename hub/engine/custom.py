"""Custom channels: what is done in them by clients and back ends, whichever node has the members.

Page channels are none: their publications come from the database alone.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping

from redis.exceptions import RedisError

from hub.clock import Clock
from hub.engine.broker import MAX_CARRIED_BYTES, NO_EPOCH, Broker, Message
from hub.engine.envelope import pack
from hub.engine.news import News
from hub.engine.options import ChannelOptions
from hub.engine.roster import Roster
from hub.engine.streams_redis import RedisStreams
from hub.errors import NotFound, TooLarge, Unavailable
from hub.protocol.stream import ClientInfo, StreamPosition

PAGE_PREFIX = "page:"
NO_POSITION = StreamPosition("", 0)

log = logging.getLogger(__name__)


class CustomChannels:
    """`options_of`: what the namespace of a name says; None for names that are no custom channels."""

    def __init__(
        self,
        streams: RedisStreams,
        roster: Roster,
        broker: Broker,
        options_of: Callable[[str], ChannelOptions | None],
        clock: Clock,
    ) -> None:
        self.streams = streams
        self._roster = roster
        self._broker = broker
        self._options_of = options_of
        self._clock = clock
        self._news = News(roster, broker)

    def start(self) -> None:
        self._news.start()

    async def close(self) -> None:
        """Members that are still here are taken off the roster."""
        await self._news.close()

    def options(self, channel: str) -> ChannelOptions:
        """Raises NotFound for a name of no namespace, and for pages."""
        options = None if channel.startswith(PAGE_PREFIX) else self._options_of(channel)
        if options is None:
            raise NotFound
        return options

    async def publish(
        self,
        channel: str,
        data: bytes,
        *,
        info: ClientInfo | None = None,
        tags: Mapping[str, str] | None = None,
        idempotency_key: str = "",
    ) -> StreamPosition:
        """Where it went; `NO_POSITION` in a channel without history. Unavailable means "unknown", not "not sent"."""
        options = self.options(channel)
        time_ms = round(self._clock.now().timestamp() * 1000)
        with _available():
            if options.history_size:
                return await self.streams.publish(
                    channel, data, options, time_ms=time_ms, info=info, tags=tags, idempotency_key=idempotency_key
                )
            payload = pack(data, info, tags or {})
            if len(payload) > MAX_CARRIED_BYTES:  # nobody could fetch it
                raise TooLarge(f"At most {MAX_CARRIED_BYTES} bytes fit into a channel without history.")
            message = Message(channel, NO_EPOCH, 0, 0, 0, time_ms, payload)
            if idempotency_key:
                await self.streams.pass_on(message, idempotency_key)
            else:
                await self._broker.publish([message])
            return NO_POSITION

    async def remove_history(self, channel: str) -> None:
        self.options(channel)
        with _available():
            await self.streams.remove(channel)

    async def presence(self, channel: str) -> Mapping[str, ClientInfo]:
        """Client id → who it is; empty where the channel keeps no presence."""
        if not self.options(channel).has_presence:
            return {}
        with _available():
            return await self._roster.read(channel)

    # Members of this node

    async def entering(self, channel: str, info: ClientInfo) -> None:
        """Before the client learns that it is in: who asks from then on finds it. Raises Unavailable."""
        if self.options(channel).has_presence:
            await self._news.here(channel, info)

    def entered(self, channel: str, info: ClientInfo) -> None:
        if self.options(channel).has_join_leave:
            self._news.joined(channel, info)

    def left(self, channel: str, info: ClientInfo, *, was_in: bool = True) -> None:
        """`was_in` False: it was on its way and did not come in."""
        options = self.options(channel)
        if options.has_presence:
            self._news.gone(channel, info.client)
        if options.has_join_leave and was_in:
            self._news.left(channel, info)


@contextlib.contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        log.warning("redis does not answer: %s", str(error) or type(error).__name__)
        raise Unavailable from error
