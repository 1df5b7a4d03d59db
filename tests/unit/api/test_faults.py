"""What happens when a view fails in a way that nobody expected: one envelope, one id, nothing given away."""

import contextlib

import httpx2
import pytest
import structlog
from sqlalchemy.exc import OperationalError
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from hub.api.endpoint import Access, endpoint
from hub.api.envelope import Reply
from hub.api.headers import http_middleware
from hub.api.rate_limits import Limiter, policies_of
from hub.api.resource import resource
from hub.errors import NotFound
from hub.settings import Settings
from tests.support.api import BASE_URL, error_of, serving
from tests.support.hub import UNHURRIED

SETTINGS = Settings.model_validate(dict.fromkeys(UNHURRIED, 0))


class BrokenError(Exception):
    pass


@endpoint(returns={200: None}, access=Access.NOBODY)
async def broken(request):
    """Fails."""
    raise BrokenError("secret detail")


@endpoint(returns={200: None}, access=Access.NOBODY)
async def without_database(request):
    """Finds the database away."""
    raise OperationalError("SELECT secret", {}, ConnectionRefusedError())


@endpoint(returns={200: None}, access=Access.NOBODY)
async def unencodable(request):
    """Answers what JSON cannot say."""
    return Reply(object())


async def web_page(request):
    raise NotFound("No such page.")


async def fine(request):
    return PlainTextResponse("fine", headers={"X-Frame-Options": "SAMEORIGIN"})


@contextlib.asynccontextmanager
async def without_limits(_):
    yield {"limiter": Limiter(policies_of(SETTINGS), "redis://nowhere.test"), "settings": SETTINGS}


@pytest.fixture
async def client():
    app = Starlette(
        routes=[
            resource("/broken", GET=broken),
            resource("/away", GET=without_database),
            resource("/unencodable", GET=unencodable),
            Route("/page", web_page),
            Route("/fine", fine),
        ],
        middleware=http_middleware(SETTINGS),
        lifespan=without_limits,
    )
    async with (
        serving(app) as (transport, _),
        httpx2.AsyncClient(transport=transport, base_url=BASE_URL) as client,
    ):
        yield client


async def test_a_fault_is_a_500_with_an_id_under_which_the_log_has_the_rest(client):
    with structlog.testing.capture_logs() as logs:
        for path in ("/broken", "/unencodable"):
            answer = await client.get(path)
            error = error_of(answer, 500, "internal_error")
            assert "secret" not in answer.text
            assert "Traceback" not in answer.text
            (entry,) = [entry for entry in logs if entry.get("error_id") == error["error_id"]]
            assert entry["log_level"] == "error"
            assert entry["exc_info"].__traceback__ is not None


async def test_a_database_that_is_away_is_a_503_and_no_fault(client):
    with structlog.testing.capture_logs() as logs:
        answer = await client.get("/away")
    assert error_of(answer, 503, "unavailable")["error_id"] is None
    assert "secret" not in answer.text
    assert not logs


async def test_an_expected_error_of_another_edge_gets_an_answer_too(client):
    error_of(await client.get("/page"), 404, "not_found")


async def test_a_view_keeps_the_headers_it_sets_itself(client):
    headers = (await client.get("/fine")).headers
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["x-content-type-options"] == "nosniff"
    assert "strict-transport-security" not in headers


async def test_hsts_is_sent_over_https_alone(client):
    assert "strict-transport-security" in (await client.get("https://hub.test/fine")).headers
