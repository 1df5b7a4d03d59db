"""What is hidden differs in nothing from what does not exist, and its changes from nothing happening (G2)."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import httpx2
import pytest
import websockets

from hub.access import Access
from hub.domain.incident import IncidentStatus
from hub.domain.status import Status
from hub.services import components, groups, incidents, maintenances
from hub.services.components import NewComponent
from hub.services.incidents import NewIncident, NewUpdate
from tests.support.crawl import NOBODYS_ID, NOBODYS_SLUG, TRANSPORTS, Harvest, Line, ask_all, at_once, one_answer
from tests.support.leak_world import OPEN, OPS, OPS_ONLY, World
from tests.support.people import Person
from tests.support.route_walk import Ids, addresses, ways_of
from tests.support.secrets_of_pages import PageMaker
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

_CHANGING = re.compile(
    r"(x-request-id|date|content-length|ratelimit[\w-]*|x-ratelimit[\w-]*|retry-after): .*\n"
    r"|\"request_id\":\"[^\"]*\"",
    re.IGNORECASE,
)
_LATE = re.compile(
    r"\d+ (seconds?|minutes?|min) ago|just now|less than a minute|\b\d+ min\b|(?:\b|T)\d\d:\d\d\b"
    r"|\d+(\.\d+)?\s?%|\d+\.\d+"
    r"|\"(downtime_s|length_s|operational|under_maintenance|degraded_performance|partial_outage|major_outage)\":\d+"
)
OPS_AUDIENCE = f"group:{OPS}"


def lasting(text: str) -> str:
    """An answer without what is of this one request."""
    return _CHANGING.sub("", text)


@pytest.mark.parametrize("name", ["anonymous", "verified", "other_owner", "key_read"])
async def test_what_exists_for_others_is_as_absent_as_what_does_not_exist(world: World, name: str):
    """R5, case 74. Every address of a hidden thing against the same one with a name that nothing has."""
    person = world.people[name]
    hidden = {secret.text for secret in world.secrets.found if not secret.is_for(person)}
    compared: list[str] = []
    async with world.client(person) as client:

        async def compare(address: str) -> None:
            answer, _ = await one_answer(client, "GET", address)
            twin, _ = await one_answer(client, "GET", twin_of(address, hidden))
            assert answer.status in {401, 403, 404}, address
            assert lasting(answer.text) == lasting(twin.text), address
            compared.append(address)

        wanted = [
            address
            for way in ways_of(world.hub.app, "GET")
            if way.access is not Access.NOBODY and not way.path.startswith(TRANSPORTS)
            for address in addresses(way, world.ids)
            if not hidden.isdisjoint(address.split("/"))
        ]
        await at_once(wanted, compare)
    assert len(compared) > 30


def twin_of(address: str, hidden: set[str]) -> str:
    """The same address about nothing."""
    return "/".join(
        part if part not in hidden else NOBODYS_ID if len(part) == len(NOBODYS_ID) else NOBODYS_SLUG
        for part in address.split("/")
    )


@dataclass
class Watcher:
    """Somebody with everything open that a page can be followed by. `bytes_seen`: what came, pings aside."""

    person: Person
    lines: list[Line] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    def seen(self) -> list[str]:
        frames = [frame for line in self.lines for frame in line.frames]
        return [*(frame for frame in frames if frame.strip() != "{}"), *self.events]


async def watch(world: World, stack: AsyncExitStack, person: Person) -> Watcher:
    watcher = Watcher(person)
    connection = await stack.enter_async_context(websockets.connect(world.hub.ws_url, proxy=None, max_size=None))
    line = Line(connection)
    await line.call(connect={"token": person.token} if person.token else {})
    await line.call(subscribe={"channel": f"page:{OPEN}"})
    line.frames.clear()
    watcher.lines.append(line)

    async def read_socket() -> None:
        while True:
            await line.next_frame()

    client = await stack.enter_async_context(world.client(person))
    answer = await client.send(client.build_request("GET", f"/p/{OPEN}/events"), stream=True)
    stack.push_async_callback(answer.aclose)
    events: AsyncIterator[str] = answer.aiter_lines()
    async with asyncio.timeout(30):
        async for text in events:
            if text.startswith("data:"):
                break

    async def read_events() -> None:
        async for text in events:
            if text and not text.startswith((":", "retry")):
                watcher.events.append(text)

    for reading in (read_socket(), read_events()):
        task = asyncio.ensure_future(reading)

        async def stop(task: asyncio.Future[None] = task) -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        stack.push_async_callback(stop)
    return watcher


async def churn(maker: PageMaker, audience: str) -> None:
    """Everything that can happen, to things for `audience` alone."""
    group = (await maker.do(groups.create, groups.NewGroup("Quiet")))["id"]
    component = (await maker.do(components.create, NewComponent("Quiet", group_id=group, audience=audience)))["id"]
    await maker.do(components.update, component, {"status": Status.MAJOR_OUTAGE})
    await maker.do(components.update, component, {"name": "Still", "position": 3})
    await maker.do(groups.update, group, {"name": "Stiller"})
    first = NewUpdate(IncidentStatus.INVESTIGATING, "hush", {component: Status.PARTIAL_OUTAGE})
    incident = (await maker.do(incidents.open_incident, NewIncident("Hush", first)))["id"]
    update = await maker.do(incidents.add_update, incident, NewUpdate(IncidentStatus.IDENTIFIED, "shh"))
    await maker.do(incidents.edit_update, incident, update["id"], body="shhh")
    await maker.do(incidents.add_update, incident, NewUpdate(IncidentStatus.RESOLVED, "silence"))
    bare = NewIncident("Bare", NewUpdate(IncidentStatus.INVESTIGATING, "hush"), audience=audience)
    await maker.do(incidents.delete, (await maker.do(incidents.open_incident, bare))["id"])
    window = {"scheduled_for": maker.now, "scheduled_until": maker.now.replace(year=maker.now.year + 1)}
    planned = maintenances.NewMaintenance("Nap", "hush", components=[component], **window)
    await maker.do(maintenances.delete, (await maker.do(maintenances.schedule, planned))["id"])
    await maker.do(incidents.delete, incident)
    await maker.do(components.delete, component)
    await maker.do(groups.delete, group)


async def test_hidden_changes_are_not_even_a_frame(world: World):
    """Case 83. While all kinds of things happen for a group, others get nothing, and ask for the same bytes after."""
    names = ("anonymous", "fake", "verified", "developer")
    db = world.hub.state["db"]
    maker = PageMaker(db, world.secrets, world.ids, OPEN)
    before = await everything(world, world.people["fake"])
    async with AsyncExitStack() as stack:
        watchers = [await watch(world, stack, world.people[name]) for name in (*names, "member")]
        await churn(maker, OPS_AUDIENCE)
        after = await everything(world, world.people["fake"])
        assert {where for where in before if before[where] != after[where]} == set()
        seal = (await maker.do(components.create, NewComponent("Seal")))["id"]  # for all: what came before it has come
        await wait_until(lambda: all(len(watcher.seen()) >= 3 for watcher in watchers))
        *others, member = watchers
        for watcher in others:
            told = [text for text in watcher.seen() if not text.startswith("id:")]
            assert len(told) == 2, (watcher.person.name, told)  # the seal, on the socket and on the stream
            assert all(seal in text for text in told)
        assert len(member.seen()) > 20
    await maker.do(components.delete, seal)


async def everything(world: World, person: Person) -> dict[str, str]:
    """Where → what is answered there, but for what only tells how late it is."""
    harvest, ids = Harvest(person), Ids({OPEN: world.ids.of_page[OPEN]}, {}, world.ids.parents)
    async with world.client(person) as client:
        await ask_all(world, client, harvest, ids)
    return {piece.where: _LATE.sub("", lasting(piece.text)) for piece in harvest.pieces if f"/{OPEN}" in piece.where}


async def test_a_hidden_page_is_absent_for_writers_too(world: World):
    """R9, case 80. Whoever may not see a page gets the 404 of a page that is not there, whatever he sends."""
    person = world.people["other_owner"]
    async with world.client(person) as client:
        for way in ways_of(world.hub.app, "POST", "PATCH", "DELETE"):
            if "pages/slug" not in way.parameters[:1]:
                continue
            values = [NOBODYS_ID for _ in way.parameters[1:]]
            hidden, missing = way.at(OPS_ONLY, *values), way.at(NOBODYS_SLUG, *values)
            answers = [await client.request(way.method, address, json={}) for address in (hidden, missing)]
            assert signature(answers[0]) == signature(answers[1]), way.name


def signature(answer: httpx2.Response) -> tuple[int, str]:
    body = answer.json()
    body["meta"].pop("request_id")
    return answer.status_code, json.dumps(body)
