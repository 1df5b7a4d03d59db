"""Floods and silence on the whole hub end in their documented codes, in little memory, and in no other's pain (G4, I4).

W14 and W15 of the fault plan.
"""

import statistics
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psutil
import pytest

from tests.support.arena import CONNECT_DEADLINE_S, PATIENCE_S, Arena, Watched, open_arena, watched
from tests.support.crowd import CONNECT, RawClient, open_all, open_one, text
from tests.support.servers import Servers
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.fault, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def arena(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with open_arena(servers, tmp_path_factory.mktemp("hub")) as arena:
        yield arena


@pytest.fixture
async def kept(arena: Arena) -> AsyncIterator[Watched]:
    async with watched(arena, "kept") as found:
        yield found


# W14: floods of commands


def subscriptions(kept: Watched) -> list[bytes]:
    return [
        text({"id": 2, "subscribe": {"channel": kept.channel}}, {"id": 3, "unsubscribe": {"channel": kept.channel}})
    ] * 500


def histories(kept: Watched) -> list[bytes]:
    return [text({"id": 2, "history": {"channel": kept.channel, "limit": -1}})] * 1_000


def publications(kept: Watched) -> list[bytes]:
    return [text({"id": 2, "publish": {"channel": kept.channel, "data": 1}})] * 1_000


@pytest.mark.parametrize("flood", [subscriptions, histories, publications])
async def test_w14_a_flood_of_commands_is_answered_with_111_and_then_ended_with_3509(
    kept: Watched, arena: Arena, flood: Any
) -> None:
    """Two floods at a time; whoever behaves gets what is published meanwhile, and soon."""
    floods = [await arena.client(CONNECT, keeps=True) for _ in range(2)]
    await wait_until(lambda: all(client.received for client in floods), within_s=PATIENCE_S)
    for client in floods:
        client.say(b"".join(flood(kept)))
    took_s = []
    while len(took_s) < 3 or not all(client.is_gone for client in floods):
        started = time.monotonic()
        await kept.expect_unharmed()
        took_s.append(time.monotonic() - started)
        assert len(took_s) < 1_000
    print(f"publish to delivery beside floods: {statistics.median(took_s) * 1e3:.1f} ms")  # noqa: T201
    for client in floods:
        assert client.close_code == 3509
        refused = client.errors()
        assert 100 <= refused[111] <= 110, refused
        assert refused.keys() <= {111, 107}, "107: taken back by an unsubscribe that came too soon"
    assert statistics.median(took_s) < 2


async def test_w14_one_channel_too_many_is_106_and_a_name_too_long_107(arena: Arena) -> None:
    channels = [{"id": 2 + n, "subscribe": {"channel": f"plain:{n}"}} for n in range(129)]
    too_long = {"id": 200, "subscribe": {"channel": "plain:" + "x" * 250}}
    client = await arena.client(CONNECT + text(*channels, too_long))
    await wait_until(lambda: len(client.replies) == 131, within_s=PATIENCE_S)
    errors = {reply["id"]: reply["error"]["code"] for reply in client.replies if "error" in reply}
    assert errors == {130: 106, 200: 107}
    client.say(
        text({"id": 201, "unsubscribe": {"channel": "plain:0"}}, {"id": 202, "subscribe": {"channel": "plain:x"}})
    )
    await wait_until(lambda: len(client.replies) == 133, within_s=PATIENCE_S)
    assert "subscribe" in client.replies[-1]
    client.leave()


@pytest.mark.parametrize(
    "first",
    [
        CONNECT + CONNECT,
        text({"id": 1, "connect": {}}, {"id": 2, "connect": {}}),
        text({"id": 1, "subscribe": {"channel": "plain:a"}}, {"id": 2, "connect": {}}),
        text({"id": 1, "history": {"channel": "plain:a"}}),
        text({"id": 1, "publish": {"channel": "plain:a", "data": 1}}),
        text({"connect": {}}),
    ],
    ids=["twice", "twice in a frame", "subscribe first", "history first", "publish first", "without an id"],
)
async def test_w14_a_second_connect_and_a_command_before_it_end_with_3501(arena: Arena, first: bytes) -> None:
    assert await arena.ended(first) == 3501


# W15


async def test_w15_a_thousand_who_say_nothing_are_gone_by_the_deadline(kept: Watched, arena: Arena) -> None:
    silent = [RawClient() for _ in range(1_000)]
    await open_all(silent, arena.hub.port)
    await wait_until(lambda: all(client.status for client in silent), within_s=PATIENCE_S)
    started = time.monotonic()
    await kept.expect_unharmed()
    await wait_until(lambda: all(client.is_gone for client in silent), within_s=CONNECT_DEADLINE_S + PATIENCE_S)
    print(f"all gone {time.monotonic() - started:.1f} s after the last one came")  # noqa: T201
    assert [client.status for client in silent] == [101] * 1_000
    assert [client.close_code for client in silent] == [3502] * 1_000
    await kept.expect_unharmed()


async def test_w14_answers_that_nobody_reads_do_not_pile_up(kept: Watched, arena: Arena) -> None:
    """A few KB of commands that ask for 200 MB."""
    for _ in range(20):
        answer = await kept.publish(b'{"channel":"%s","data":"%s"}' % (kept.channel.encode(), b"x" * 60_000))
        assert "result" in answer.json()
    hub = psutil.Process(arena.hub.pid)
    before = hub.memory_info().rss
    asked = text(*[{"id": 2 + n, "history": {"channel": kept.channel, "limit": -1}} for n in range(160)])
    greedy = RawClient(CONNECT + asked, pause_s=1_000.0)  # reads the handshake's answer and no more
    await open_one(greedy, arena.hub.port, receive_buffer=4_096)
    most = 0
    for _ in range(20):
        await kept.expect_unharmed()
        most = max(most, hub.memory_info().rss - before)
    print(f"{most / 1e6:.1f} MB more")  # noqa: T201
    assert most < 60_000_000
    greedy.leave()
    await kept.expect_unharmed()
