"""The simulated world's network: pub/sub that may lose, double, delay and reorder, and says so only sometimes."""

import asyncio
import random
from collections.abc import Callable, Sequence

from hub.domain.control import CONTROL_CHANNEL
from hub.engine.broker import Message, decode_message, encode_message


class Network:
    """Between the writers and the nodes' brokers. `loss` is of views, `control_loss` of the control stream."""

    def __init__(self, rng: random.Random, *, loss: float, control_loss: float, confirms: bool) -> None:
        self.rng = rng
        self.loss = loss
        self.control_loss = control_loss
        self.confirms = confirms  # whether `subscribe` returns when listening has begun, or when the command is written
        self.brokers: list[LossyBroker] = []

    def publish(self, message: Message) -> None:
        raw = encode_message(message)
        is_control = message.channel == CONTROL_CHANNEL
        loss, longest_s = (self.control_loss, 3.0) if is_control else (self.loss, 0.3)
        for broker in self.brokers:
            if message.channel in broker.listening and self.rng.random() >= loss:
                copies = 2 if self.rng.random() < 0.15 else 1
                for _ in range(copies):
                    delay_s = self.rng.choice((0.001, 0.004, 0.004, self.rng.uniform(0, longest_s)))
                    asyncio.get_running_loop().call_later(delay_s, broker.deliver, raw)


class LossyBroker:
    """One node's end of the network."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._on_message: Callable[[Message], None] | None = None
        self._on_suspect: Callable[[str], None] | None = None
        self.listening: set[str] = set()
        network.brokers.append(self)

    async def start(self, on_message: Callable[[Message], None], on_suspect: Callable[[str], None]) -> None:
        self._on_message, self._on_suspect = on_message, on_suspect

    async def subscribe(self, channel: str) -> None:
        delay_s = self._network.rng.uniform(0.001, 0.3)
        asyncio.get_running_loop().call_later(delay_s, self._begin, channel)
        if self._network.confirms:
            await asyncio.sleep(delay_s + 0.001)  # and the confirmation's way back

    def _begin(self, channel: str) -> None:
        if self._on_message is not None:
            self.listening.add(channel)

    async def unsubscribe(self, channel: str) -> None:
        self.listening.discard(channel)

    async def publish(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._network.publish(message)

    @property
    def is_healthy(self) -> bool:
        return True

    async def close(self) -> None:
        self._on_message = self._on_suspect = None
        self.listening.clear()
        if self in self._network.brokers:
            self._network.brokers.remove(self)

    def deliver(self, raw: bytes) -> None:
        message = decode_message(raw)
        if self._on_message is not None and message.channel in self.listening:
            self._on_message(message)

    def suspect(self) -> None:
        if self._on_suspect is not None:
            self._on_suspect("simulated")
