"""What nobody is asked to sign in for tells nothing of who has an account here (T13)."""

import re
from collections.abc import AsyncIterator

import pytest

from hub.access import Access
from hub.app import create_app
from hub.settings import Settings
from tests.support.accounts import add_account, run_sql
from tests.support.api import Api, open_api
from tests.support.bodies import example_body
from tests.support.leak_world import unhurried
from tests.support.route_walk import ways_of

KINDS = ("known@example.test", "unproven@example.test", "disabled@example.test")


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[Api]:
    async with open_api(unhurried(settings)) as api:
        await add_account(api, "known@example.test", is_verified=True)
        await add_account(api, "unproven@example.test")
        await add_account(api, "disabled@example.test", is_verified=True)
        await run_sql(api, "UPDATE account SET disabled_at = now() WHERE email = 'disabled@example.test'")
        yield api


async def test_every_route_that_takes_an_address_answers_alike_for_known_and_unknown_ones(settings: Settings, api: Api):
    """T13. Status, headers and body of registering, signing in, forgetting, and whatever else takes an address."""
    asked = 0
    for way in ways_of(create_app(settings), "POST", "PATCH", "DELETE"):
        fields = way.operation.body.model_fields if way.operation is not None and way.operation.body else {}
        if way.access is not Access.NOBODY or "email" not in fields:
            continue
        asked += 1
        answers = set()
        for email in (f"unknown{asked}@example.test", *KINDS):
            answer = await api.client().request(
                way.method,
                way.path,
                json={**example_body(way, {}), "email": email, "password": "a wrong password"}
                if "password" in fields
                else {"email": email},
            )
            answer.headers.pop("x-request-id")
            answer.headers.pop("content-length")  # of an address as long as it is
            answers.add(
                (answer.status_code, str(sorted(answer.headers.items())), without_particulars(answer.text, email))
            )
        assert len(answers) == 1, (way.name, answers)
    assert asked >= 3


def without_particulars(text: str, email: str) -> str:
    """Without what is new each time: ids, instants, and the address that was sent."""
    return re.sub(r'"(id|request_id|created_at)":"[^"]*"', "", text.replace(email, ""))
