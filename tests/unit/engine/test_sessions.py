"""The connections of a node: whom an order concerns, and how they are sent away."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from hub.engine.orders import Disconnect, Order, Unsubscribe
from hub.engine.sessions import Sessions
from tests.support.sim import SimulatedLoop


@dataclass(eq=False)
class Attached:
    """A session that notes what it is told."""

    client: str
    user: str
    on_drain: Callable[[], None] = lambda: None
    orders: list[Order] = field(default_factory=list)

    def drain(self) -> None:
        self.on_drain()

    def obey(self, order: Order) -> None:
        self.orders.append(order)


@pytest.fixture
def registry() -> Sessions:
    return Sessions(random.Random(1))


def test_an_order_reaches_the_connections_of_its_user_and_spares_the_others(registry):
    sessions = [Attached(client, user) for client, user in (("c1", "u1"), ("c2", "u1"), ("c3", "u2"), ("c4", ""))]
    for session in sessions:
        registry.attach(session)
        registry.identified(session)
    assert (registry.count("u1"), registry.count("u2"), registry.count("")) == (2, 1, 0)
    for order in (
        Disconnect(user="u1", code=3503, reason="go", spared=("c2",)),
        Unsubscribe(user="u1", client="c2", channel="news"),
        Unsubscribe(user="", channel="news"),
        Unsubscribe(user="", client="c4", channel="news"),
        Unsubscribe(user="", client="c3", channel="news"),
    ):
        registry.obey(order)
    told = [[type(order) for order in session.orders] for session in sessions]
    assert told == [[Disconnect], [Unsubscribe], [], [Unsubscribe]]
    registry.detach(sessions[0])
    assert registry.count("u1") == 1


@pytest.mark.parametrize(("count", "shortest_s", "longest_s"), [(1_000, 5.0, 10.01), (3, 0.0, 0.2)])
def test_everybody_is_sent_away_and_many_are_spread_over_the_time(registry, count, shortest_s, longest_s):
    left: list[float] = []

    async def leave() -> None:
        loop = asyncio.get_running_loop()
        sessions = [Attached(str(n), "", lambda: left.append(loop.time())) for n in range(count)]
        for session in sessions:
            registry.attach(session)
        registry.detach(sessions[0])
        await registry.drain(10.0)

    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        runner.run(leave())
    assert len(left) == count - 1
    assert shortest_s <= max(left) <= longest_s
    windows = Counter(int(at / 0.5) for at in left)
    assert count < 300 or max(windows.values()) <= 0.15 * len(left)
    assert len(registry) == 0
