"""One wheel for the timers of all connections."""

import math

from hub.transport.sweep import SLOT_S, Sweep


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Item:
    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.slot: int | None = None
        self.ticks: list[float] = []
        self.then = math.inf

    def tick(self, now: float) -> None:
        self.ticks.append(now)
        if now >= self.deadline:
            self.deadline = self.then


def turn_until(sweep: Sweep, clock: Clock, end: float) -> None:
    while clock.now < end:
        clock.now += SLOT_S
        sweep.turn()


def test_everybody_is_asked_soon_after_the_deadline_and_not_before():
    clock = Clock()
    sweep, items = Sweep(clock), [Item(100.0 + n / 7) for n in range(50)]
    deadlines = [item.deadline for item in items]
    for item in items:
        sweep.watch(item)
    turn_until(sweep, clock, 110.0)
    for item, deadline in zip(items, deadlines, strict=True):
        (asked_at,) = item.ticks
        assert deadline <= asked_at < deadline + 3 * SLOT_S


def test_a_deadline_that_comes_nearer_is_kept_and_one_that_moves_away_asks_once_more():
    clock = Clock()
    sweep, nearer, further = Sweep(clock), Item(105.0), Item(102.0)
    sweep.watch(nearer)
    sweep.watch(further)
    nearer.deadline = 101.0
    sweep.watch(nearer)
    further.deadline = 106.0  # nobody is told
    turn_until(sweep, clock, 104.0)
    assert [round(at) for at in nearer.ticks] == [101]
    assert len(further.ticks) == 1
    turn_until(sweep, clock, 110.0)
    assert len(nearer.ticks) == 1
    assert [round(at) for at in further.ticks] == [102, 106]


def test_a_tick_that_fails_stops_nobody_else(caplog):
    clock = Clock()
    sweep, broken, good = Sweep(clock), Item(101.0), Item(101.0)

    def fail(now: float) -> None:
        broken.deadline = math.inf
        raise ValueError

    broken.tick = fail
    sweep.watch(broken)
    sweep.watch(good)
    turn_until(sweep, clock, 102.0)
    assert len(good.ticks) == 1
    assert "tick failed" in caplog.text


def test_what_has_no_deadline_is_not_kept():
    sweep, item = Sweep(Clock()), Item(math.inf)
    sweep.watch(item)
    assert item.slot is None
