"""Every viewer sees each offset once, in order, and ends at the truth, whatever the world does (docs/guarantees.md).

`tests/support/sim_world.py` runs the product's nodes in simulated time. Each rule that the guarantees rest on is then
taken out, and the same worlds must go wrong: a rule whose loss no world notices would be a rule nobody tests.
"""

# ruff: noqa: ARG005  (a rule taken out still has its parameters)

import logging
import sys
from collections.abc import Callable
from itertools import islice

import pytest

from hub.engine import live
from hub.engine.changes import Changes
from hub.engine.channel import Channel
from hub.engine.control import Control
from hub.engine.fanout import Fanout
from hub.engine.live import LiveChannel
from hub.engine.node import Node
from hub.engine.position_check import PositionCheck
from tests.support.sim_world import OUT_WITHIN_S, run_world

WORLDS = 500
WORLDS_PER_MUTATION = 200
DIM = {"loss": 0.8, "control_loss": 0.9}
SLOW = {"loss": 0.3, "control_loss": 0.5, "slowest_s": 0.3}
ENOUGH = 5  # bad worlds to be convinced that a rule matters


@pytest.fixture(autouse=True)
def _quiet():
    """The worlds' troubles are logged by the thousand; nobody reads them."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def bad_runs(worlds: int, first_seed: int = 0, **options) -> list[tuple[int, list[str]]]:
    """(seed, faults) of the worlds that went wrong; a failing test prints the first, and the seed repeats it."""
    runs = ((seed, run_world(seed, **options)) for seed in range(first_seed, first_seed + worlds))
    return list(islice(((seed, faults) for seed, faults in runs if faults), ENOUGH))


def expect_bad_runs(without: str, worlds: int = WORLDS_PER_MUTATION, **options) -> None:
    bad = bad_runs(worlds, **options)
    sys.stdout.write(f"without {without}: worlds {[seed for seed, _ in bad]} went wrong\n")
    assert bad, f"{worlds} worlds did not miss: {without}"


def test_with_all_rules_no_world_goes_wrong():
    bad = bad_runs(WORLDS)
    assert not bad, f"seed and faults of the first bad world: {bad[0]}"


def test_with_heavy_losses_no_world_goes_wrong():
    bad = bad_runs(100, first_seed=50_000, loss=0.7)
    assert not bad, f"seed and faults of the first bad world: {bad[0]}"


def test_with_all_rules_nobody_gets_what_was_written_after_his_removal():
    bad = bad_runs(300, has_rights=True)
    assert not bad, f"seed and faults of the first bad world: {bad[0]}"


@pytest.mark.parametrize("trouble", [DIM, SLOW], ids=["dim", "slow"])
def test_in_heavy_trouble_nobody_gets_what_was_written_after_his_removal(trouble):
    bad = bad_runs(150, first_seed=50_000, has_rights=True, **trouble)
    assert not bad, f"seed and faults of the first bad world: {bad[0]}"


def test_nobody_stays_in_while_his_removal_cannot_be_heard_of():
    bad = bad_runs(50, has_rights=True, outage_s=OUT_WITHIN_S, steps=10)
    assert not bad, f"seed and faults of the first bad world: {bad[0]}"


def _without_position_check(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(self, channels, patience_s):
        """Positions are never compared."""

    monkeypatch.setattr(PositionCheck, "_check_all", nothing)


def _without_deduplication(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Channel, "_is_duplicate", lambda self, offset: False)
    monkeypatch.setattr(Channel, "_is_next", lambda self, offset: offset <= self.pos + 1)


def _without_gap_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Channel, "_is_next", lambda self, offset: offset > self.pos)


def _without_skipping_what_a_member_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fanout, "_has", lambda self, member, offset: False)


def _without_epoch_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Channel, "_is_other_epoch", lambda self, epoch: False)


def _without_consecutive_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Channel, "_continues", lambda self, fresh, top: True)


def _without_consecutive_check_of_recovery(monkeypatch: pytest.MonkeyPatch) -> None:
    def merge(after, history, ring):
        by_offset = {item.offset: item for run in (history, ring) for item in run if item.offset > after}
        return [by_offset[offset] for offset in sorted(by_offset)]

    monkeypatch.setattr(live, "merge", merge)
    monkeypatch.setattr(LiveChannel, "_reaches_top", lambda self, since, missed: True)


def _without_cutting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Channel, "_cut", lambda self, offset: None)


def _without_looking_at_a_snapshots_age(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LiveChannel, "_shows_what_is_cut", lambda self, snapshot: False)


MUTATIONS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "position check": _without_position_check,
    "deduplication": _without_deduplication,
    "gap fetch": _without_gap_fetch,
    "skip what the member has": _without_skipping_what_a_member_has,
    "epoch compare": _without_epoch_compare,
    "consecutive check of gaps": _without_consecutive_check,
    "consecutive check of recovery": _without_consecutive_check_of_recovery,
    "floor cut": _without_cutting,
    "age of snapshots": _without_looking_at_a_snapshots_age,
}


async def _at_once(self: object, *args: object) -> None:
    """Waits for nothing, and does nothing."""


def _without_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LiveChannel, "_must_wait", lambda self, message, control: False)


def _without_fence_on_reads_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LiveChannel, "_await_rights", _at_once)


def _without_fence_on_snapshots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LiveChannel, "_await_rights_of", _at_once)


def _without_reading_rights_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Control, "start_anew", lambda self: None)


def _without_noticing_that_rights_are_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Changes, "since", lambda self, stamp, *names: False)


RIGHTS_MUTATIONS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "fence": _without_fence,
    "fence on reads of the log": _without_fence_on_reads_of_the_log,
    "fence on snapshots": _without_fence_on_snapshots,
    "reading rights anew": _without_reading_rights_anew,
    "noticing that rights are old": _without_noticing_that_rights_are_old,
}


@pytest.mark.parametrize("rule", MUTATIONS)
def test_without_one_rule_some_world_goes_wrong(rule, monkeypatch):
    MUTATIONS[rule](monkeypatch)
    expect_bad_runs(rule)


@pytest.mark.parametrize("rule", RIGHTS_MUTATIONS)
def test_without_one_rule_about_rights_some_world_goes_wrong(rule, monkeypatch):
    RIGHTS_MUTATIONS[rule](monkeypatch)
    is_about_the_log = rule == "fence on reads of the log"
    expect_bad_runs(rule, 300, has_rights=True, **DIM | {"steps": 100} if is_about_the_log else SLOW)


def test_without_comparing_the_control_stream_a_lost_removal_is_never_heard_of(monkeypatch):
    """Unless something is written afterwards, which waits for it."""
    silent = {"has_rights": True, "control_loss": 1.0, "steps": 15}
    assert not bad_runs(WORLDS_PER_MUTATION, **silent)
    monkeypatch.setattr(Control, "_check_forever", _at_once)
    expect_bad_runs("comparing the control stream", **silent)


def test_without_failing_closed_somebody_stays_in(monkeypatch):
    monkeypatch.setattr(Node, "_fail_closed", lambda self: None)
    expect_bad_runs("failing closed", has_rights=True, outage_s=OUT_WITHIN_S, steps=10)


def test_without_atomic_snapshots_some_world_goes_wrong():
    expect_bad_runs("atomic snapshots", is_snapshot_atomic=False)


def test_confirmation_before_head_carries_what_the_position_check_would_have_to_heal(monkeypatch):
    """With a network that loses nothing the position check is not needed, unless `subscribe` returns too early."""
    _without_position_check(monkeypatch)
    calm = {"loss": 0.0, "is_calm": True, "steps": 6}  # short: a later change would show what an earlier one lost
    assert not bad_runs(3 * WORLDS_PER_MUTATION, **calm)
    expect_bad_runs("both", 3 * WORLDS_PER_MUTATION, confirms=False, **calm)
