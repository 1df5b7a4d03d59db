"""The control stream on a node: events once and in order, by the broker or from the log, and whether all are known."""

import asyncio

import msgspec
import pytest

from hub.domain.control import CONTROL_CHANNEL, AccountNews, AudienceChanged, RightsChanged, SessionsEnded
from hub.engine.broker import Message
from hub.engine.channel import MAX_GAP
from hub.engine.fanout import Fanout
from hub.engine.plain import PlainChannel
from hub.errors import Unavailable
from tests.support.rights import PUBLIC, Account, RightsStage
from tests.support.sim import SimulatedClock
from tests.support.stage import simulated

TRUST_S = 15.0


@pytest.fixture
def stage() -> RightsStage:
    return RightsStage()


def control_of(stage):
    return stage.node._control


async def opened(stage):
    await control_of(stage).confirm()
    return control_of(stage)


@simulated
async def test_events_are_applied_in_order_and_once_whatever_the_broker_does(stage):
    control = await opened(stage)
    ann, bob = Account(stage.node, "ann"), Account(stage.node, "bob")
    first, second, third = stage.remove("ann"), stage.remove("bob"), stage.remove("ann")
    await stage.broker.publish([second, second, first, first, third, second])
    assert control.position == 3
    await asyncio.sleep(3)
    assert (ann.rechecks, bob.rechecks) == (2, 1)


@simulated
async def test_an_ended_session_is_dismissed_and_others_of_the_account_stay(stage):
    await opened(stage)
    ann = Account(stage.node, "ann")
    await stage.broker.publish([stage.log.tell(SessionsEnded(account="ann", spared="ann"))])
    assert ann.dismissals == 0
    await stage.broker.publish([stage.log.tell(SessionsEnded(account="ann", sessions=("ann",)))])
    assert ann.dismissals == 1


@simulated
async def test_what_the_broker_lost_is_found_in_the_log_within_two_seconds(stage):
    control = await opened(stage)
    ann = Account(stage.node, "ann")
    stage.remove("ann")
    await asyncio.sleep(2.1)
    assert (ann.rechecks, control.position) == (1, 1)


@simulated
async def test_a_suspect_link_makes_it_look_at_once(stage):
    await opened(stage)
    ann = Account(stage.node, "ann")
    await asyncio.sleep(0.5)
    stage.remove("ann")
    stage.broker.lose_confidence("test")
    await asyncio.sleep(0.01)
    assert ann.rechecks == 1


@pytest.fixture
def dark_stage(stage) -> RightsStage:
    stage.broker.is_away = stage.log.is_away = True
    return stage


def test_a_node_starts_without_broker_and_log_and_follows_the_log_alone(dark_stage):
    @simulated
    async def scene(stage):
        ann = Account(stage.node, "ann")
        stage.remove("ann")
        await asyncio.sleep(1)
        assert not stage.node.knows_rights
        stage.log.is_away = False
        await asyncio.sleep(2)
        assert stage.node.knows_rights
        assert ann.rechecks == 1, "whatever was told before it was followed"
        stage.remove("ann")
        await asyncio.sleep(2.1)
        assert ann.rechecks == 2
        stage.broker.is_away = False
        await asyncio.sleep(1.1)
        await stage.broker.publish([stage.remove("ann")])
        assert ann.rechecks == 3

    scene(dark_stage)


@simulated
async def test_an_unreadable_event_makes_everybody_read_rights_anew_and_stops_nothing(stage):
    control = await opened(stage)
    ann, bob = Account(stage.node, "ann"), Account(stage.node, "bob")
    await stage.broker.publish([stage.log.commit(CONTROL_CHANNEL, b'{"type":"of.the.future"}')])
    assert (ann.rechecks, bob.rechecks) == (1, 1)
    await stage.broker.publish([stage.remove("ann")])
    assert (ann.rechecks, bob.rechecks, control.position) == (2, 1, 2)


@simulated
async def test_a_session_that_fails_keeps_nobody_from_being_told(stage):
    control = await opened(stage)
    ann, bob = Account(stage.node, "ann"), Account(stage.node, "bob")
    failures = iter([RuntimeError("a fault of ours")])

    def recheck():
        for failure in failures:
            raise failure

    ann.recheck = recheck
    await stage.broker.publish([stage.log.tell(RightsChanged(accounts=("ann", "bob")))])
    assert (bob.rechecks, control.position) == (1, 1)


@simulated
async def test_another_life_of_the_stream_makes_everybody_read_rights_anew(stage):
    control = await opened(stage)
    ann = Account(stage.node, "ann")
    await stage.broker.publish([stage.remove("bob"), stage.remove("bob")])
    stage.log.epoch = "e2"
    del stage.log.channels[CONTROL_CHANNEL][1:]
    await asyncio.sleep(2.1)
    assert (ann.rechecks, control.position) == (1, 1)


@simulated
async def test_a_log_that_has_lost_events_makes_everybody_read_rights_anew(stage):
    control = await opened(stage)
    ann = Account(stage.node, "ann")
    await stage.broker.publish([stage.remove("bob"), stage.remove("bob")])
    del stage.log.channels[CONTROL_CHANNEL][1:]
    await asyncio.sleep(2.1)
    assert (ann.rechecks, control.position) == (1, 1)


@simulated
async def test_more_events_than_are_worth_reading_are_a_new_start(stage):
    control = await opened(stage)
    ann = Account(stage.node, "ann")
    for _ in range(MAX_GAP + 1):
        stage.remove("bob")
    await asyncio.sleep(2.1)
    assert (ann.rechecks, control.position) == (1, MAX_GAP + 1)


@simulated
async def test_a_stream_that_is_gone_is_not_trusted_and_found_again(stage):
    await opened(stage)
    rows = stage.log.channels.pop(CONTROL_CHANNEL)
    await asyncio.sleep(2.1)
    assert not stage.node.knows_rights
    stage.log.channels[CONTROL_CHANNEL] = rows
    await asyncio.sleep(2.1)
    assert stage.node.knows_rights


@simulated
async def test_reaching_reads_the_log_once_for_all_who_wait(stage):
    control = await opened(stage)
    ann = Account(stage.node, "ann")
    for _ in range(3):
        stage.remove("ann")
    await asyncio.gather(*(control.reach(offset) for offset in (1, 2, 3) for _ in range(20)))
    assert (ann.rechecks, control.position) == (3, 3)
    assert stage.log.asked == [CONTROL_CHANNEL]
    await control.reach(2)
    assert stage.log.asked == [CONTROL_CHANNEL], "known already"


@simulated
async def test_what_comes_by_the_broker_is_not_waited_for_in_the_log(stage):
    control = await opened(stage)
    stage.log.holding.add(f"read_after {CONTROL_CHANNEL}")
    message = stage.remove("ann")
    waiting = asyncio.ensure_future(control.reach(1))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await stage.broker.publish([message])
    await asyncio.wait_for(waiting, timeout=1)


@simulated
async def test_what_the_log_does_not_have_cannot_be_reached(stage):
    control = await opened(stage)
    with pytest.raises(Unavailable):
        await control.reach(7)
    stage.remove("ann")
    stage.log.is_away = True
    with pytest.raises(Unavailable):
        await control.reach(1)
    stage.log.is_away = False
    await control.reach(1)
    assert control.is_trusted


@simulated
async def test_trust_ends_when_the_log_has_not_agreed_for_a_while(stage):
    control = await opened(stage)
    ann = Account(stage.node, "ann")
    await asyncio.sleep(60)
    assert control.is_trusted
    stage.log.is_away = True
    await asyncio.sleep(TRUST_S - 3)
    assert control.is_trusted
    await stage.broker.publish([stage.remove("ann")])
    await asyncio.sleep(3.1)
    assert not control.is_trusted, "what the broker brings proves nothing"
    assert ann.rechecks == 1
    with pytest.raises(Unavailable):
        await control.confirm()
    stage.log.is_away = False
    await control.confirm()


@simulated
async def test_a_changed_audience_makes_the_views_of_the_page_look_for_a_lost_cut(stage):
    await opened(stage)
    viewer = await stage.viewer(PUBLIC)
    await asyncio.sleep(0.1)
    stage.log.commit(PUBLIC)
    await stage.broker.publish([stage.log.tell(AudienceChanged(slug="acme"))])
    await asyncio.sleep(0.05)
    assert viewer.offsets == [1]


@simulated
async def test_news_for_an_account_go_to_its_own_sockets(stage):
    await opened(stage)
    own = PlainChannel("account:ann", Fanout(10_000, 10.0), SimulatedClock())
    others = PlainChannel("account:bob", Fanout(10_000, 10.0), SimulatedClock())
    stage.node._channels |= {"account:ann": own, "account:bob": others}
    sockets = [await stage.viewer(f"account:{name}") for name in ("ann", "ann", "bob")]
    for account in ("ann", "nobody-here"):
        news = stage.log.tell(AccountNews(account=account, data=msgspec.Raw(b'{"a": 1}')))
        await stage.broker.publish([news, news])
    assert [viewer.offsets for viewer in sockets] == [[0], [0], []]


@simulated
async def test_a_message_that_only_claims_to_be_of_the_stream_changes_nothing(stage):
    control = await opened(stage)
    ann = Account(stage.node, "ann")
    await stage.broker.publish([Message(CONTROL_CHANNEL, "-", 9, 0, 0, 0, b"{}")])
    await asyncio.sleep(3)
    assert (ann.rechecks, control.position) == (0, 0)
    assert control.is_trusted
