"""First join and last leave in every order: the broker carries exactly the channels that somebody needs.

Confirmations take their time, some never come, and joins, leaves, lingering and publications fall between any two of
their steps. Time is simulated.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from hub.domain.control import CONTROL_CHANNEL
from hub.engine.broker import Message
from hub.engine.node import LINGER_S, Node, NodeLimits
from hub.errors import Unavailable
from tests.support.engine import MemoryLog, Viewer
from tests.support.sim import SimulatedClock, SimulatedLoop

CHANNELS = ("page:a", "page:b")
QUIET_S = 5.0  # for what was lost on the way to be found by the position check
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # a failure is made small first

MOMENT_S = 0.05
MOMENTS_S = st.sampled_from([0.0, 0.001, 0.01, 0.3])
CONFIRMATION_S = st.sampled_from([0.0, 0.01, 0.3])


class SlowBroker:
    """The server works off commands in their order, each after a while; a confirmation may be lost."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        self.loses_confirmation = False
        self.listening: set[str] = set()
        self._served_at = 0.0
        self._sent: deque[tuple[Callable[[str], None], str]] = deque()
        self._on_message: Callable[[Message], None] | None = None

    async def start(self, on_message: Callable[[Message], None], on_suspect: Callable[[str], None]) -> None:  # noqa: ARG002
        self._on_message = on_message

    async def subscribe(self, channel: str) -> None:
        is_lost = self.loses_confirmation
        delay_s = self._send(self.listening.add, channel)
        await asyncio.sleep(delay_s)
        if is_lost:
            await self.unsubscribe(channel)
            raise Unavailable

    async def unsubscribe(self, channel: str) -> None:
        self._send(self.listening.discard, channel)

    @property
    def views(self) -> set[str]:
        """What is listened to, beside the control stream that every node follows."""
        return self.listening - {CONTROL_CHANNEL}

    async def publish(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if message.channel in self.listening and self._on_message is not None:
                self._on_message(message)

    is_healthy = True

    async def close(self) -> None:
        self._on_message = None

    def _send(self, command: Callable[[str], None], channel: str) -> float:
        loop = asyncio.get_running_loop()
        self._served_at = max(self._served_at, loop.time() + self.delay_s)
        self._sent.append((command, channel))
        loop.call_at(self._served_at, self._serve)  # the loop runs timers of one moment in any order
        return self._served_at - loop.time() + 0.001

    def _serve(self) -> None:
        command, channel = self._sent.popleft()
        command(channel)


class Visit(Viewer):
    """A viewer with its join on the way."""

    def __init__(self, node: Node, channel: str) -> None:
        super().__init__(node, channel)
        self.joining: asyncio.Task[None] | None = None
        self.is_in = False

    def begin(self) -> None:
        self.joining = asyncio.get_running_loop().create_task(self._begin())

    async def _begin(self) -> None:
        try:
            await self.join()
        except Unavailable:
            return
        self.is_in = True


class Membership(RuleBasedStateMachine):
    visits = Bundle("visits")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=SimulatedLoop)
        self.broker = SlowBroker()
        self.log = MemoryLog()
        for channel in CHANNELS:
            self.log.create(channel)
        self.inside: set[Visit] = set()
        self.runner.run(self._start())

    async def _start(self) -> None:
        self.node = Node(
            self.broker, self.log, self.log, clock=SimulatedClock(), limits=NodeLimits(), rng=random.Random(1)
        )
        await self.node.start()

    def _do(self, work: Callable[[], object], then_s: float) -> None:
        async def run() -> None:
            work()
            await asyncio.sleep(then_s)

        self.runner.run(run())

    @rule(target=visits, channel=st.sampled_from(CHANNELS), delay_s=CONFIRMATION_S, is_lost=st.booleans())
    def join(self, channel: str, delay_s: float, is_lost: bool) -> Visit:
        self.broker.delay_s, self.broker.loses_confirmation = delay_s, is_lost
        visit = Visit(self.node, channel)
        self.inside.add(visit)
        self._do(visit.begin, then_s=0.0)
        return visit

    @rule(visit=consumes(visits))
    def leave(self, visit: Visit) -> None:
        """Also while the join is on its way: then the answer is not wanted any more."""

        def work() -> None:
            if visit.joining is not None and not visit.joining.done():
                visit.joining.cancel()
            visit.leave()

        self.inside.discard(visit)
        self._do(work, then_s=0.0)

    @rule(channel=st.sampled_from(CHANNELS))
    def publish(self, channel: str) -> None:
        message = self.log.commit(channel)
        self.runner.run(self.broker.publish([message]))

    @rule(seconds=st.sampled_from([0.0, 0.01, 0.5, 70.0]))
    def wait(self, seconds: float) -> None:
        self._do(lambda: None, then_s=seconds)

    @rule(target=visits, channel=st.sampled_from(CHANNELS), delay_s=CONFIRMATION_S, later_s=MOMENTS_S)
    def come_back_when_just_forgotten(self, channel: str, delay_s: float, later_s: float) -> Visit:
        """The first join falls upon a channel that the node has given up a moment ago."""

        async def wait() -> None:
            for _ in range(round(LINGER_S[1] / MOMENT_S) + 1):
                if not self.node.has(channel):
                    break
                await asyncio.sleep(MOMENT_S)
            await asyncio.sleep(later_s)

        for visit in [visit for visit in self.inside if visit.channel == channel]:
            self.leave(visit)
        self.runner.run(wait())
        return self.join(channel, delay_s, is_lost=False)

    @rule()
    def settle(self) -> None:
        """Once it is quiet: counts are right, everybody has everything, and only what is needed is listened to."""
        self._do(lambda: None, then_s=QUIET_S)
        self.inside = {visit for visit in self.inside if visit.is_in}
        counts = {name: sum(visit.channel == name for visit in self.inside) for name in CHANNELS}
        assert self.node.member_counts() == {name: count for name, count in counts.items() if count}
        for visit in self.inside:
            snapshot = visit.entries[0].position.offset
            assert visit.offsets == list(range(snapshot + 1, len(self.log.channels[visit.channel]) + 1))
            assert visit.channel in self.broker.listening
        assert self.broker.views == {name for name in CHANNELS if self.node.has(name)}

    @rule()
    def forget(self) -> None:
        """Channels without members do not stay for ever."""
        self._do(lambda: None, then_s=LINGER_S[1] + QUIET_S)
        occupied = {visit.channel for visit in self.inside if visit.is_in}
        assert self.broker.views == occupied
        assert {name for name in CHANNELS if self.node.has(name)} == occupied

    @invariant()
    def nobody_gets_anything_twice(self) -> None:
        for visit in self.inside:
            assert visit.offsets == sorted(set(visit.offsets))

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            self.runner.run(self.node.close())
            self.runner.close()


Membership.TestCase.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
test_the_broker_carries_what_members_need = Membership.TestCase
