"""Channels named by guessing, positions made up: a refusal, or what one would have been given anyway (R5, R7)."""

import json
from typing import Any

import pytest
import websockets

from hub.ids import new_epoch
from tests.support.crawl import Line, channels_of
from tests.support.leak_world import OPEN, OPS, OPS_ONLY, OTHER, VERIFIED_ONLY, World
from tests.support.people import Person

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

DENIED, UNKNOWN, BAD = 103, 102, 107
ABSENT = (
    f"page:{OPEN}@verified", f"page:{OPEN}@all", f"page:{OPEN}@group-{OPS}", f"page:{OPEN}@public+group-{OPS}",
    f"page:{OPEN}@verified+group-{OPS}", f"page:{OPEN}@verified@group-{OPS}", f"page:{OPEN}@", f"page:{OPEN}@public@",
    f"page:{VERIFIED_ONLY}", f"page:{OPS_ONLY}", f"page:{OPS_ONLY}@public", f"page:{OPS_ONLY}@all",
    f"page:{OPEN.upper()}", f"PAGE:{OPEN}", f"page:{OPEN}/", f"page::{OPEN}", "page:", "page:*", f"page:{OPEN}*",
    "page:nobodys-page", "page:nobodys-page@all", f"page:{OPEN}%00", "page:h\u0430rbour", f"page:{OPEN}\u200b",
    "control", "beat", "account:zzzzzzzzzzzz", f"page:{'a' * 250}",
)  # fmt: skip
UNHEARD_OF = (
    "*",
    "%70age:harbour",
    "\uff50age:harbour",
    "#zzzzzzzzzzzz",
    "hub:control",
    "ns:x",
    "a" * 255,
    "$page:harbour",
)
MISSHAPEN = (f"page:{OPEN} ", f" page:{OPEN}", f"page:{OPEN}\n", "page:\x00", "a" * 256, "")


async def answer_to(world: World, person: Person, command: dict[str, Any]) -> dict[str, Any] | int:
    """The reply, without its number; or the code with which the socket was closed."""
    async with websockets.connect(world.hub.ws_url, proxy=None, max_size=None) as connection:
        line = Line(connection)
        await line.call(connect={"token": person.token} if person.token else {})
        try:
            reply = await line.call(**command)
        except websockets.ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 0
    reply.pop("id")
    return reply


@pytest.mark.parametrize("name", ["anonymous", "other_owner"])
async def test_a_guessed_channel_is_refused_as_one_that_does_not_exist(world: World, name: str):
    """R5. Views that are not his, look-alikes, the hub's own names, accounts of others."""
    person = world.people[name]
    nothing = await answer_to(world, person, {"subscribe": {"channel": "page:nobodys-page"}})
    for channel in (*ABSENT, f"#{world.people['owner'].account_id}"):
        if name != "anonymous" and channel in {f"page:{OPEN}@verified", f"page:{VERIFIED_ONLY}"}:
            continue  # his by right
        for command in ({"subscribe": {"channel": channel}}, {"history": {"channel": channel, "limit": 10}}):
            reply = await answer_to(world, person, command)
            code = reply["error"]["code"] if isinstance(reply, dict) and "error" in reply else reply
            wanted = {DENIED} if channel.lower().startswith("page:") else {DENIED, UNKNOWN, BAD}
            assert code in (wanted if channel.startswith("page:") else {DENIED, UNKNOWN, BAD, 108}), (channel, reply)
            if "subscribe" in command and channel.startswith("page:"):
                assert reply == nothing, channel
    for channel in (*UNHEARD_OF, *MISSHAPEN):
        reply = await answer_to(world, person, {"subscribe": {"channel": channel}})
        code = reply["error"]["code"] if isinstance(reply, dict) and "error" in reply else reply
        assert code in {DENIED, UNKNOWN, BAD, 3501}, (channel, reply)


async def test_a_made_up_position_gives_a_snapshot_or_a_refusal_and_nothing_else(world: World):
    """R7. Another history's epoch, offsets of another view, from before the beginning, from beyond the end."""
    person = world.people["anonymous"]
    epochs = {name: epoch for name, epoch in await channels_of(world) if epoch}
    own, operators = epochs[f"page:{OPEN}"], epochs[f"page:{OPEN}@all"]
    fresh = await answer_to(world, person, {"subscribe": {"channel": f"page:{OPEN}"}})
    assert isinstance(fresh, dict)
    top = fresh["subscribe"]["offset"]
    positions = [
        (epoch, offset)
        for epoch in (operators, new_epoch(), epochs[f"page:{OTHER}"], "x" * 300, "'")
        for offset in (0, 1, top)
    ]
    positions += [(own, offset) for offset in (top + 1, 2**53, 2**64 - 1)]
    for epoch, offset in positions:
        since = {"channel": f"page:{OPEN}", "recover": True, "epoch": epoch, "offset": offset}
        reply = await answer_to(world, person, {"subscribe": since})
        if isinstance(reply, int) or "error" in reply:
            continue
        assert not reply["subscribe"].get("recovered"), (epoch, offset)
        assert reply["subscribe"]["data"]["page"]["slug"] == OPEN
        assert not world.secrets.leaked_to(person, json.dumps(reply)), (epoch, offset)
        past = await answer_to(
            world,
            person,
            {"history": {"channel": f"page:{OPEN}", "limit": 300, "since": {"epoch": epoch, "offset": offset}}},
        )
        assert not world.secrets.leaked_to(person, json.dumps(past)), (epoch, offset)


@pytest.mark.parametrize("offset", [-1, 2**64, 2**70, 1.5, "1", None, [], "9" * 5000])
async def test_a_position_that_is_no_number_ends_in_a_clear_refusal(world: World, offset: object):
    """R7. Negative, 2^64 and worse: over the socket and over HTTP."""
    person = world.people["anonymous"]
    since = {"channel": f"page:{OPEN}", "recover": True, "epoch": "x", "offset": offset}
    reply = await answer_to(world, person, {"subscribe": since})
    is_refused = isinstance(reply, int) or "error" in reply
    assert is_refused or not reply["subscribe"].get("recovered"), reply  # type: ignore[index]
    if isinstance(reply, int):
        assert 3500 <= reply < 4000, reply
    async with world.client(person) as client:
        answer = await client.get(f"/api/v1/pages/{OPEN}/history", params={"after": str(offset)[:3000]})
        assert answer.status_code in {200, 422}
        assert answer.status_code == 422 or str(offset) == "1"
        async with client.stream("GET", f"/p/{OPEN}/events", headers={"Last-Event-ID": str(offset)[:3000]}) as stream:
            assert stream.status_code == 200
