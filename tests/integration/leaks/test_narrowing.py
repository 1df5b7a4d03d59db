"""What was open and is closed now is nowhere any more, its past included; what is opened again comes once (R3, R4)."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
import websockets

from hub.domain.incident import IncidentStatus
from hub.ids import new_id
from hub.services import components, incidents, maintenances, pages
from hub.services.incidents import NewIncident, NewUpdate
from tests.support.crawl import Harvest, Line, ask_all
from tests.support.leak_world import World
from tests.support.people import Person
from tests.support.route_walk import Ids
from tests.support.secrets_of_pages import PageMaker, Secrets
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]


@dataclass
class Place:
    """A page of its own with one thing of each kind. `thing`: what is closed and opened; `texts`: what must go."""

    maker: PageMaker
    ids: Ids
    service: Any
    arguments: tuple[str, ...]
    texts: list[str]

    async def set_audience(self, audience: str | None) -> None:
        await self.maker.do(self.service, *self.arguments, {"audience": audience})


async def make_place(world: World, thing: str) -> Place:
    secrets, ids = Secrets(), Ids()
    maker = PageMaker(world.hub.state["db"], secrets, ids, f"narrow-{new_id()}")
    await maker.page()
    await maker.page_views()
    await maker.component(None)
    start = len(secrets.found)
    component = await maker.component(None)
    of_component = len(secrets.found)
    in_component = await maker.incident(None, component_ids=[component])
    await maker.maintenance(None, component_ids=[component])
    of_all = len(secrets.found)
    bare = await maker.incident(None)
    of_bare = len(secrets.found)
    nap = await maker.maintenance(None)
    assert in_component
    texts = [secret.text for secret in secrets.found]
    match thing:
        case "page":
            return Place(maker, ids, pages.update, (), texts)
        case "component":
            assert of_component
            return Place(maker, ids, components.update, (component,), texts[start:of_all])
        case "incident":
            return Place(maker, ids, incidents.update, (bare,), texts[of_all:of_bare])
        case _:
            return Place(maker, ids, maintenances.update, (nap,), texts[of_bare:])


@asynccontextmanager
async def following(world: World, slug: str, person: Person) -> AsyncIterator[tuple[Line, dict[str, Any]]]:
    async with websockets.connect(world.hub.ws_url, proxy=None, max_size=None) as connection:
        line = Line(connection)
        await line.call(connect={"token": person.token} if person.token else {})
        reply = await line.call(subscribe={"channel": f"page:{slug}"})
        yield line, reply["subscribe"]


def found(texts: list[str], text: str) -> set[str]:
    return {item for item in texts if item in text}


CASES = (
    ("page", "anonymous"),
    ("page", "fake"),
    ("component", "anonymous"),
    ("incident", "fake"),
    ("maintenance", "anonymous"),
)


@pytest.mark.parametrize(("thing", "name"), CASES)
async def test_what_is_closed_is_gone_from_everything_at_once_and_its_past_too(lobby: World, thing: str, name: str):
    """R3, R4, case 80. On with a socket and a stream, offline, and resuming from before; then opened again."""
    world = lobby
    person, place = world.people[name], await make_place(world, thing)
    slug = place.maker.slug
    async with (
        following(world, slug, person) as (line, before),
        world.client(person) as client,
        streaming(world, slug, person) as streamed,
    ):
        await place.set_audience("verified")
        await sent_away(line, is_whole=thing == "page")
        line.frames.clear()

        told = await glimpse(world, place, person, client, before)
        assert not found(place.texts, told)
        streamed_before = len(streamed)
        await place.maker.do(incidents.open_incident, NewIncident("After", FIRST, audience="verified"))
        assert not found(place.texts, "\n".join(line.frames))
        assert not found(place.texts, "".join(streamed[streamed_before:]))

        mark = await position(client, slug) if thing != "page" else None
        await place.set_audience("public" if thing == "page" else None)
        await reappears(world, place, person, slug, mark)


FIRST = NewUpdate(IncidentStatus.INVESTIGATING, "told after the end")


async def sent_away(line: Line, *, is_whole: bool) -> None:
    """Until the socket was told: of the removal, or that there is no such page for it any more."""

    async def is_told() -> bool:
        text = "\n".join(line.frames)
        return ('"unsubscribe"' in text) if is_whole else ('"remove":{"' in text or '"unsubscribe"' in text)

    async with asyncio.timeout(30):
        while not await is_told():
            await line.next_frame()


@asynccontextmanager
async def streaming(world: World, slug: str, person: Person) -> AsyncIterator[list[str]]:
    """What comes on the page's stream, from its snapshot on."""
    texts: list[str] = []

    async def read(client: httpx2.AsyncClient) -> None:
        async with client.stream("GET", f"/p/{slug}/events") as answer:
            async for text in answer.aiter_text():
                texts.append(text)  # noqa: PERF401 (each at once, not all at the end)

    async with world.client(person) as client:
        reading = asyncio.ensure_future(read(client))
        await wait_until(lambda: "event: snapshot" in "".join(texts))
        yield texts
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def position(client: httpx2.AsyncClient, slug: str) -> dict[str, Any]:
    data = (await client.get(f"/api/v1/pages/{slug}/snapshot")).json()["data"]
    return {"epoch": data["epoch"], "offset": data["offset"]}


async def glimpse(
    world: World, place: Place, person: Person, client: httpx2.AsyncClient, before: dict[str, Any]
) -> str:
    """All that `person` gets of the page now, with every position that he can have remembered."""
    harvest, slug = Harvest(person), place.maker.slug
    await ask_all(world, client, harvest, place.ids)
    texts = [piece.text for piece in harvest.pieces if f"/{slug}" in piece.where]
    for piece in harvest.pieces:
        assert piece.status < 500, piece.where
    for offset in {0, 1, before["offset"] - 1, before["offset"]}:
        async with client.stream("GET", f"/p/{slug}/events", headers={"Last-Event-ID": str(offset)}) as answer:
            texts.append(await first_event(answer))
        answer_of_past = await client.get(f"/api/v1/pages/{slug}/history?after={offset}&epoch={before['epoch']}")
        texts.append(answer_of_past.text)
        async with websockets.connect(world.hub.ws_url, proxy=None, max_size=None) as connection:
            line = Line(connection)
            await line.call(connect={"token": person.token} if person.token else {})
            since = {"epoch": before["epoch"], "offset": offset}
            await line.call(subscribe={"channel": f"page:{slug}", "recover": True, **since})
            await line.call(history={"channel": f"page:{slug}", "limit": 300, "since": since})
            texts += line.frames
    # Whoever had it has to be told what to drop: an event that hides something names its id, and nothing else of it.
    return "\n".join(re.sub(r'"remove":\{[^{}]*\}', "", text) for text in texts)


async def first_event(answer: httpx2.Response) -> str:
    """A refusal whole; else what comes up to the first event with data."""
    text = ""
    async with asyncio.timeout(30):
        async for chunk in answer.aiter_text():
            text += chunk
            if "\ndata: " in text and text.endswith("\n\n"):
                break
    return text


async def reappears(world: World, place: Place, person: Person, slug: str, mark: dict[str, Any] | None) -> None:
    """All of it is there again; whoever comes back from before it was opened is told once."""

    async def is_back() -> bool:
        async with world.client(person) as client:
            text = (await client.get(f"/api/v1/pages/{slug}/snapshot")).text
        return bool(found(place.texts, text))

    await wait_until(is_back)
    if mark is None:
        return
    async with websockets.connect(world.hub.ws_url, proxy=None, max_size=None) as connection:
        line = Line(connection)
        await line.call(connect={"token": person.token} if person.token else {})
        reply = (await line.call(subscribe={"channel": f"page:{slug}", "recover": True, **mark}))["subscribe"]
        told = [publication["data"] for publication in reply.get("publications", [])]
        sections = [data["set"] for data in told] if reply.get("recovered") else [reply["data"]]
        objects = [item["id"] for section in sections for name in LISTS for item in section.get(name, [])]
        back = [item for item in objects if item in place.texts]
        assert back, json.dumps(reply)[:500]
        assert len(back) == len(set(back)), "once"
        offsets = [publication["offset"] for publication in reply.get("publications", [])]
        assert offsets == sorted(set(offsets))


LISTS = ("components", "groups", "incidents", "maintenances")
