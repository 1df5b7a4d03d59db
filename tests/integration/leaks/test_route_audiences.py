"""Every route says whom it is for, and it is true of each."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from hub.access import Access, access_of
from hub.app import create_app
from hub.settings import Settings
from tests.support.api import Api, open_api
from tests.support.leak_world import unhurried
from tests.support.people import Registry
from tests.support.route_walk import Way, plain_address, routes_of, ways_of

STREAMS = "/connection/"


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[Api]:
    async with open_api(unhurried(settings)) as api:
        yield api


def ways(settings: Settings, access: Access) -> list[Way]:
    found = [way for way in ways_of(create_app(settings)) if way.access is access]
    assert found
    return [way for way in found if not way.path.startswith(STREAMS) and way.method not in {"HEAD", "OPTIONS"}]


async def ask(client: httpx2.AsyncClient, way: Way, **options: object) -> httpx2.Response:
    return await client.request(way.method, plain_address(way), **options)  # type: ignore[arg-type]


async def test_every_route_says_whom_it_is_for(settings: Settings):
    """Case 76. Sockets too; a route that says nothing fails here."""
    assert len([access_of(route) for route in routes_of(create_app(settings))]) > 60


@pytest.mark.parametrize("access", [Access.ACCOUNT, Access.SIGNED_IN])
async def test_what_is_for_accounts_is_for_nobody_without_one(settings: Settings, api: Api, access: Access):
    for way in ways(settings, access):
        answer = await ask(api.anonymous, way)
        assert answer.status_code == 401, way.name
        assert answer.json()["error"]["code"] == "unauthenticated", way.name


async def test_what_is_for_accounts_is_not_for_machines(settings: Settings, api: Api):
    """T9. A key is no account: none of its own, none to manage."""
    machine = await Registry(api.state).machine("robot", pages=[], scopes=["admin"])
    for way in ways(settings, Access.ACCOUNT):
        answer = await ask(api.anonymous, way, headers=machine.headers)
        assert answer.status_code in {401, 403}, (way.name, answer.text)


async def test_what_is_for_anyone_needs_no_credentials_but_looks_at_those_that_are_there(settings: Settings, api: Api):
    for way in ways(settings, Access.ANYONE):
        assert (await ask(api.anonymous, way)).status_code != 401, way.name
        if way.path.startswith("/api/"):
            answer = await ask(api.anonymous, way, headers={"Authorization": "Bearer not-a-token"})
            assert answer.status_code == 401, way.name


async def test_what_is_for_nobody_in_particular_is_the_same_whatever_credentials_are_shown(
    settings: Settings, api: Api
):
    somebody = await api.client_of("somebody@example.test", is_admin=True)
    for way in ways(settings, Access.NOBODY):
        if way.path in {"/readyz", "/metrics", "/api/v1/auth/logout"}:
            continue  # of the moment; and signing out is about the one who asks
        stranger, known = await ask(api.anonymous, way), await ask(somebody, way)
        assert stranger.status_code == known.status_code, way.name
        assert without_request_id(stranger) == without_request_id(known), way.name


async def test_what_is_for_other_applications_asks_for_their_key(settings: Settings, api: Api):
    with_key = unhurried(settings).model_copy(update={"hub_server_api_key": settings.hub_secret_key})
    somebody = await api.client_of("somebody@example.test", is_admin=True)
    for way in ways(settings, Access.BACKEND):
        assert (await ask(somebody, way)).status_code == 404, way.name
    async with open_api(with_key) as keyed:
        for way in ways(settings, Access.BACKEND):
            assert (await ask(keyed.anonymous, way)).status_code == 401, way.name
            assert (await ask(keyed.client(dict(somebody.headers)), way)).status_code == 401, way.name


def without_request_id(answer: httpx2.Response) -> str:
    return answer.text.replace(answer.headers["x-request-id"], "")
