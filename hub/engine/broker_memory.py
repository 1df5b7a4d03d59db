"""Broker inside one process, for unit tests and the contract suite: delivers at once and loses nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hub.engine.broker import Message, decode_message, encode_message
from hub.errors import Unavailable


class Exchange:
    """What the brokers of several nodes share."""

    def __init__(self) -> None:
        self.brokers: list[MemoryBroker] = []


class MemoryBroker:
    """One node's end of an exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._channels: set[str] = set()
        self._on_message: Callable[[Message], None] | None = None
        self._on_suspect: Callable[[str], None] | None = None
        exchange.brokers.append(self)

    async def start(self, on_message: Callable[[Message], None], on_suspect: Callable[[str], None]) -> None:
        self._on_message, self._on_suspect = on_message, on_suspect

    async def subscribe(self, channel: str) -> None:
        if not self.is_healthy:
            raise Unavailable
        self._channels.add(channel)

    async def unsubscribe(self, channel: str) -> None:
        self._channels.discard(channel)

    async def publish(self, messages: Sequence[Message]) -> None:
        for message in messages:
            raw = encode_message(message)
            for broker in self._exchange.brokers:
                broker.deliver(raw)

    @property
    def is_healthy(self) -> bool:
        return self._on_message is not None

    async def close(self) -> None:
        self._on_message = None
        self._channels.clear()

    def lose_confidence(self, reason: str) -> None:
        """Report that messages may have been lost, as a rebuilt link does."""
        if self._on_suspect is not None:
            self._on_suspect(reason)

    def deliver(self, raw: bytes) -> None:
        message = decode_message(raw)
        if self._on_message is not None and message.channel in self._channels:
            self._on_message(message)
