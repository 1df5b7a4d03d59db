"""The connections of a node: whom an order concerns, and how they are sent away."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from hub.domain.control import AudienceChanged, KeyRevoked, RightsChanged, SessionsEnded
from hub.engine.changes import MAX_REMEMBERED, Changes, key_user
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
    sign_in: str | None = None
    told: list[str] = field(default_factory=list)

    def drain(self) -> None:
        self.on_drain()

    def obey(self, order: Order) -> None:
        self.orders.append(order)

    def dismiss(self) -> None:
        self.told.append("dismiss")

    def recheck(self) -> None:
        self.told.append("recheck")


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


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (SessionsEnded(account="ann", sessions=("s1",)), {"phone": "dismiss"}),
        (SessionsEnded(account="ann"), {"phone": "dismiss", "desk": "dismiss", "foreign": "dismiss"}),
        (SessionsEnded(account="ann", spared="s2"), {"phone": "dismiss", "foreign": "dismiss"}),
        (SessionsEnded(account="bob"), {}),
        (RightsChanged(accounts=("ann", "bob")), {"phone": "recheck", "desk": "recheck", "foreign": "recheck"}),
        (KeyRevoked(key="k1"), {"machine": "dismiss"}),
        (AudienceChanged(slug="acme"), {}),
        (None, {"phone": "recheck", "desk": "recheck", "foreign": "recheck", "machine": "recheck"}),
    ],
)
def test_a_change_of_rights_reaches_just_those_whom_it_concerns(registry, event, told):
    """`None`: changes may have been missed. An application's user may have the name of an account; he is none."""
    sessions = [
        Attached("phone", "ann", sign_in="s1"),
        Attached("desk", "ann", sign_in="s2"),
        Attached("foreign", "ann", sign_in=""),
        Attached("application", "ann"),
        Attached("machine", key_user("k1"), sign_in=""),
        Attached("visitor", ""),
    ]
    for session in sessions:
        registry.attach(session)
        registry.identified(session)
    if event is None:
        registry.recheck_all()
    else:
        registry.apply(event)
    assert {session.client: "".join(session.told) for session in sessions if session.told} == told


def test_whoever_read_rights_before_they_changed_is_found_out():
    changes = Changes()
    before = changes.stamp
    changes.note("ann", "bob")
    assert changes.since(before, "eve", "ann")
    assert not changes.since(before, "eve")
    assert not changes.since(changes.stamp, "ann")
    stamp = changes.stamp
    changes.note_all()
    assert changes.since(stamp, "eve")
    assert not changes.since(changes.stamp, "eve")


def test_changes_that_are_forgotten_may_have_been_of_anybody():
    changes = Changes()
    stamp = changes.stamp
    for number in range(MAX_REMEMBERED + 1):
        changes.note(f"a{number}")
    assert changes.since(stamp, "eve")
    assert not changes.since(stamp + 1, "eve")
    assert changes.since(stamp + 1, "a1")
