"""Nobody changes what is another's, by whatever id and wherever he names it (R9): IDOR, roles, mass assignment."""

import itertools
import json
from collections.abc import Mapping
from functools import partial

import httpx2
import pytest

from hub.access import Access
from tests.support.bodies import example_body
from tests.support.crawl import at_once
from tests.support.leak_world import OPEN, OTHER, World
from tests.support.route_walk import PAGE_PARAMETERS, Way, plain_address, ways_of
from tests.support.tables import changed, contents

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

REFUSED = {401, 403, 404, 409, 422}
OWN_AFFAIRS = "/api/v1/me"
ATTACKERS = ("other_owner", "fake", "viewer", "key_read")
# What no body may say. `version` and `audience` are fields of some; there they are left out.
SMUGGLED = {
    "id": "zzzzzzzzzzzz",
    "page_id": "zzzzzzzzzzzz",
    "account_id": "zzzzzzzzzzzz",
    "role": "owner",
    "is_admin": True,
    "is_verified": True,
    "verified_at": "2020-01-01T00:00:00Z",
    "password_hash": "!",
    "head": 0,
    "epoch": "x",
    "created_at": "2020-01-01T00:00:00Z",
    "created_by": "zzzzzzzzzzzz",
    "token_hash": "0" * 64,
    "external_id": "x",
    "deleted_at": None,
    "audience": "public",
    "version": 1,
    "uses": 0,
    "__proto__": {},
    "constructor": {},
}


def writes(world: World) -> list[Way]:
    found = ways_of(world.hub.app, "POST", "PUT", "PATCH", "DELETE")
    return [way for way in found if way.operation is not None]


async def test_every_write_has_an_example_that_is_good(world: World):
    """So that none is left out of the attacks below; a new route without one fails here."""
    for way in writes(world):
        body = example_body(way, {})
        if way.operation.body is not None:
            way.operation.body.model_validate_json(json.dumps(body))


def names_of(world: World, slug: str) -> Mapping[str, str]:
    kinds = world.ids.of_page[slug]
    person = world.people["other_owner" if slug == OTHER else "owner"]
    return {
        "component": kinds["component"][0],
        "group": kinds["group"][0],
        "page": slug,
        "account": person.account_id,
    }


def attacks(world: World, way: Way) -> list[tuple[str, Mapping[str, str]]]:
    """(address, names for the body): the victim's page with his things, one's own page with his, and the reverse."""
    others = [slug for slug in world.pages if slug != OTHER]
    if not way.parameters:
        return [(way.path, names_of(world, slug)) for slug in others]
    if way.parameters[0] not in PAGE_PARAMETERS:
        choices = [foreign_ids(world, name) for name in way.parameters]
        return [(way.at(*values), names_of(world, OPEN)) for values in itertools.product(*choices)]
    found = []
    for path_slug, id_slug in [*((slug, slug) for slug in others), (OTHER, OPEN), (OPEN, OTHER)]:
        ids = [page_ids(world, id_slug, name)[:1] for name in way.parameters[1:]]
        named = [names_of(world, body_slug) for body_slug in (OPEN, OTHER)]
        found += [(way.at(path_slug, *values), names) for values in itertools.product(*ids) for names in named]
    return [item for item in found if not (item[0].startswith(f"/api/v1/pages/{OTHER}") and is_own(world, way, item))]


def is_own(world: World, way: Way, attack: tuple[str, Mapping[str, str]]) -> bool:
    """Whether nothing of another's is named: then it is no attack."""
    address, named = attack
    body = json.dumps(example_body(way, named))
    foreign = {
        item for slug in world.pages if slug != OTHER for ids in world.ids.of_page[slug].values() for item in ids
    }
    foreign |= {world.people["owner"].account_id, OPEN}
    return not any(part in foreign for part in address.split("/")) and not any(item in body for item in foreign)


def page_ids(world: World, slug: str, parameter: str) -> list[str]:
    kinds = world.ids.of_page[slug]
    kind = parameter.rpartition("/")[2].removesuffix("_id")
    return kinds.get(kind) or world.ids.elsewhere.get(parameter) or [items[0] for items in kinds.values()]


def foreign_ids(world: World, parameter: str) -> list[str]:
    return world.ids.elsewhere.get(parameter) or [world.people["owner"].account_id]


@pytest.mark.parametrize("name", ATTACKERS)
async def test_what_is_another_s_is_not_changed_by_any_id_in_any_place(world: World, name: str):
    """IDOR: every method that takes ids, with another tenant's in the path, nested, and in the body."""
    person, sent = world.people[name], 0
    before = await contents(world.hub.state)
    wrong: list[tuple[str, str, int]] = []

    async def attack(client: httpx2.AsyncClient, way: Way, one: tuple[str, Mapping[str, str]]) -> None:
        address, named = one
        if f"/members/{person.account_id}" in address and way.method == "DELETE":
            return  # leaving a group is one's right
        answer = await client.request(way.method, address, json=example_body(way, named))
        if answer.status_code not in REFUSED:
            wrong.append((way.name, address, answer.status_code))

    async with world.client(person) as client:
        for way in writes(world):
            if (way.path.startswith(OWN_AFFAIRS) and not way.parameters) or way.access is Access.NOBODY:
                continue
            if way.name in {"POST /api/v1/groups", "POST /api/v1/pages/{slug}/links"}:
                continue  # makes one's own
            wanted = attacks(world, way)
            sent += len(wanted)
            await at_once(wanted, partial(attack, client, way))
    assert not wrong
    assert sent > 80
    assert not changed(before, await contents(world.hub.state))


async def test_no_body_may_say_what_is_not_asked_of_it(world: World):
    """Mass assignment: whoever may do all sends a good body with more in it; every addition is named in the refusal."""
    before = await contents(world.hub.state)
    async with world.client(world.people["admin"]) as client:
        for way in writes(world):
            if way.operation.body is None:
                continue
            extra = {key: value for key, value in SMUGGLED.items() if key not in way.operation.body.model_fields}
            values = [first_id(world, name) for name in way.parameters]
            address = way.at(*values)
            body = {**(example_body(way, names_of(world, OPEN)) or {}), **extra}
            answer = await client.request(way.method, address, json=body)
            assert answer.status_code == 422, (way.name, answer.text)
            assert extra.keys() <= answer.json()["error"]["fields"].keys(), way.name
    assert not changed(before, await contents(world.hub.state))


def first_id(world: World, parameter: str) -> str:
    if parameter in PAGE_PARAMETERS:
        return OPEN
    return (world.ids.elsewhere.get(parameter) or page_ids(world, OPEN, parameter))[0]


OWNERS_ALONE = (
    "DELETE /api/v1/pages/{slug}",
    "GET /api/v1/pages/{slug}/audit",
    "GET /api/v1/pages/{slug}/people",
    "POST /api/v1/pages/{slug}/people",
    "PATCH /api/v1/pages/{slug}/people/{account_id}",
    "DELETE /api/v1/pages/{slug}/people/{account_id}",
    "POST /api/v1/pages/{slug}/transfer",
    "POST /api/v1/keys",
)


@pytest.mark.parametrize("name", ["editor", "viewer", "key_write", "verified"])
async def test_who_does_not_own_a_page_gives_nobody_rights_on_it(world: World, name: str):
    """R9. An editor cannot make himself an owner, nor anybody else, nor a key."""
    person, before = world.people[name], await contents(world.hub.state)
    ways = {way.name: way for way in ways_of(world.hub.app)}
    async with world.client(person) as client:
        for way in (ways[name] for name in OWNERS_ALONE):
            for account_id in (person.account_id or "zzzzzzzzzzzz", world.people["owner"].account_id):
                values = [OPEN, account_id][: len(way.parameters)]
                named = {**names_of(world, OPEN), "account": account_id}
                body = example_body(way, named)
                answer = await client.request(way.method, way.at(*values), json=body)
                # Oneself may leave a page by removing one's own role.
                if way.method == "DELETE" and account_id == person.account_id and "/people/" in way.path:
                    continue
                assert answer.status_code in {401, 403, 404, 422}, (way.name, answer.text)
    after = await contents(world.hub.state)
    leaving = {"page_role", "audit_entry", "control_event", "event", "channel"}
    assert changed(before, after).keys() <= (leaving if name in {"editor", "viewer"} else set())


async def test_a_page_that_is_not_there_takes_no_writes(world: World):
    async with world.client(world.people["admin"]) as client:
        for way in writes(world):
            if way.parameters[:1] == ["pages/slug"]:
                answer = await client.request(way.method, plain_address(way), json=example_body(way, {}))
                assert answer.status_code == 404, way.name
