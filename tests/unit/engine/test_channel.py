"""One channel: in order, twice, too early, too large, of another life; cut, gone, and compared with the log."""

import pytest

from hub.engine.broker import FLAG_CUT, FLAG_REMAP, Message, Top
from hub.engine.channel import (
    MAX_GAP,
    PENDING_LENGTH,
    REORDER_WAIT_S,
    RING_LENGTH,
    AskTop,
    Channel,
    Deliver,
    Fetch,
    Gone,
    Recall,
)
from hub.protocol.stream import Publication, StreamPosition

NAME = "page:acme"
WAIT = Fetch(REORDER_WAIT_S)


def message(offset: int, epoch: str = "e1", flags: int = 0, payload: bytes | None = b"{}") -> Message:
    return Message(NAME, epoch, offset, flags, 0, 5, payload)


def publication(offset: int, flags: int = 0) -> Publication:
    return Publication(offset, b"{}", 5, flags)


def publications(first: int, last: int) -> list[Publication]:
    return [publication(offset) for offset in range(first, last + 1)]


def channel_at(head: int, floor: int = 0) -> Channel:
    return Channel(NAME, Top("e1", head, floor))


def test_the_next_message_is_delivered():
    channel = channel_at(5)
    assert channel.received(message(6)) == [Deliver([publication(6)])]
    assert channel.position == StreamPosition("e1", 6)
    assert channel.tail(5) == [publication(6)]


@pytest.mark.parametrize("offset", [1, 4, 5])
def test_a_duplicate_is_dropped(offset):
    channel = channel_at(5)
    assert channel.received(message(offset)) == []
    assert channel.pos == 5


def test_messages_that_overtook_each_other_heal_without_the_log():
    channel = channel_at(5)
    assert channel.received(message(8)) == [WAIT]
    assert channel.received(message(7)) == [WAIT]
    assert channel.received(message(6)) == [Deliver(publications(6, 8))]
    assert not channel.has_gap


def test_a_lost_message_is_fetched():
    channel = channel_at(5)
    assert channel.received(message(7)) == [WAIT]
    assert channel.has_gap
    assert channel.fetched(publications(6, 7), Top("e1", 7, 0), StreamPosition("e1", 5)) == [
        Deliver(publications(6, 7))
    ]
    assert not channel.has_gap


def test_a_fetch_that_comes_after_the_gap_has_healed_changes_nothing():
    channel = channel_at(5)
    asked_at = channel.position
    channel.received(message(6))
    channel.received(message(7))
    assert channel.fetched(publications(6, 7), Top("e1", 7, 0), asked_at) == []
    assert channel.pos == 7


def test_a_message_too_large_to_travel_is_fetched_at_once():
    channel = channel_at(5)
    assert channel.received(message(6, payload=None)) == [Fetch(0.0)]
    assert channel.pos == 5
    assert channel.has_gap


def test_pending_is_bounded():
    channel = channel_at(0)
    for offset in range(2, PENDING_LENGTH + 50):
        channel.received(message(offset))
    (deliver, fetch) = channel.received(message(1))
    assert isinstance(deliver, Deliver)
    assert len(deliver.publications) == PENDING_LENGTH + 1
    assert fetch == WAIT, "the rest comes from the log"


def test_the_ring_is_bounded_and_knows_how_far_back_it_reaches():
    channel = channel_at(0)
    for offset in range(1, RING_LENGTH + 11):
        channel.received(message(offset))
    assert channel.tail(9) is None
    assert channel.tail(10) == publications(11, RING_LENGTH + 10)
    assert channel.tail(channel.pos) == []
    assert channel.tail(channel.pos + 1) is None


@pytest.mark.parametrize(
    ("read", "top"),
    [
        (publications(7, 8), Top("e1", 8, 6)),  # pruned up to 6
        ([publication(6), publication(8)], Top("e1", 8, 0)),  # pruned in between: do not trust an old floor
        (publications(6, 8), Top("e1", 8, 7)),  # something was hidden at 8: 6 and 7 must not be shown
        ([], Top("e1", 8, 0)),  # known to exist, but gone
        (publications(6, 6 + MAX_GAP), Top("e1", 6 + MAX_GAP, 0)),
        (publications(6, 8), Top("e2", 8, 0)),
    ],
)
def test_what_does_not_continue_starts_anew_where_the_log_stands(read, top):
    channel = channel_at(5)
    channel.received(message(8))
    assert channel.fetched(read, top, StreamPosition("e1", 5)) == [Recall()]
    assert channel.position == StreamPosition(top.epoch, top.head)
    assert channel.tail(top.head - 1) is None
    assert not channel.has_gap


def test_a_read_of_another_life_is_not_taken_over():
    channel = channel_at(5)
    asked_at = channel.position
    channel.checked(Top("e2", 5, 0), asked_at)
    assert channel.fetched(publications(6, 7), Top("e2", 7, 0), asked_at) == []
    assert channel.position == StreamPosition("e2", 5)


def test_an_announced_offset_that_the_log_does_not_have_is_forgotten():
    channel = channel_at(5)
    channel.received(message(9))
    assert channel.fetched([], Top("e1", 5, 0), StreamPosition("e1", 5)) == []
    assert not channel.has_gap
    assert channel.received(message(6)) == [Deliver([publication(6)])]


def test_a_message_of_another_epoch_asks_the_log_who_is_right():
    channel = channel_at(5)
    assert channel.received(message(6, epoch="e0")) == [AskTop()]
    assert channel.checked(Top("e1", 5, 0), channel.position) == [], "an old message"
    assert channel.checked(Top("e2", 3, 0), channel.position) == [Recall()], "a new life"
    assert channel.received(message(4, epoch="e2")) == [Deliver([publication(4)])]


@pytest.mark.parametrize(
    ("top", "actions"),
    [
        (Top("e1", 5, 0), []),
        (Top("e1", 6, 0), [Fetch(0.0)]),
        (Top("e1", 4, 0), [Recall()]),
        (Top("e2", 5, 0), [Recall()]),
        (None, [Gone()]),
    ],
)
def test_position_check(top, actions):
    channel = channel_at(5)
    assert channel.checked(top, channel.position) == actions


def test_a_check_does_not_mistake_progress_for_a_step_back():
    channel = channel_at(5)
    asked_at = channel.position
    channel.received(message(6))
    assert channel.checked(Top("e1", 5, 0), asked_at) == []


def test_a_gap_in_a_channel_that_is_gone_is_not_asked_for_again():
    channel = channel_at(5)
    channel.received(message(7))
    assert channel.fetched([], None, channel.position) == [Gone()]
    assert not channel.has_gap


def test_a_cut_drops_what_is_older():
    channel = channel_at(5)
    channel.received(message(6))
    channel.received(message(7, flags=FLAG_CUT))
    channel.received(message(8))
    assert channel.tail(5) is None
    assert channel.tail(6) == [publication(7, FLAG_CUT), publication(8)]
    assert channel.floor == 6
    assert channel.snapshot_floor == 7, "a snapshot from before shows what was hidden"


def test_a_remap_is_delivered_and_then_sends_everybody_back():
    channel = channel_at(5)
    assert channel.received(message(6, flags=FLAG_REMAP)) == [Deliver([publication(6, FLAG_REMAP)]), Recall()]
    assert channel.tail(5) == [publication(6, FLAG_REMAP)], "who comes back to this view recovers from the ring"


def test_a_snapshot_ahead_of_the_node_shows_that_the_log_is_too():
    channel = channel_at(5)
    assert channel.noticed(5) == []
    assert channel.noticed(7) == [WAIT]


def test_what_is_spoken_of_while_the_log_is_read_is_not_forgotten():
    channel = channel_at(5)
    assert channel.received(message(6)) == [Deliver([publication(6)])]
    asked_at, known_then = channel.position, channel.known_head
    assert channel.received(message(7, payload=None)) == [Fetch(0.0)]  # committed after that read
    assert channel.fetched([], Top("e1", 6, 0), asked_at, known_then=known_then) == []
    assert channel.has_gap, "the next read will find it"
    assert channel.fetched([publication(7)], Top("e1", 7, 0), channel.position, known_then=channel.known_head) == [
        Deliver([publication(7)])
    ]
    assert not channel.has_gap
