"""What the machines that watch the hub are told."""

import asyncio

from pydantic import SecretStr

from hub.migrate import upgrade
from tests.support.api import data_of, error_of, open_api
from tests.support.waiting import wait_until


async def test_alive_and_ready_name_each_part(api):
    assert (await api.anonymous.get("/healthz")).json() == {"status": "ok"}

    async def is_ready():
        return (await api.anonymous.get("/readyz")).status_code == 200

    await wait_until(is_ready)
    assert (await api.anonymous.get("/readyz")).json() == {
        "status": "ok",
        "checks": {"database": "ok", "redis": "ok", "relay": "ok", "rights": "ok"},
    }


async def test_figures_are_by_route_and_hold_no_names(api, page):
    data_of(await api.anonymous.get("/api/v1/pages/acme"))
    error_of(await api.anonymous.get("/api/v1/pages/canary-slug"), 404)
    error_of(await api.anonymous.request("CANARY", "/api/v1/pages/acme"), 405)
    answer = await api.anonymous.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'hub_http_requests_total{method="GET",route="/api/v1/pages/{slug}",status="200"} 1.0' in answer.text
    assert 'hub_http_requests_total{method="GET",route="/api/v1/pages/{slug}",status="404"} 1.0' in answer.text
    assert 'hub_http_requests_total{method="other",route="/api/v1/pages/{slug}",status="405"} 1.0' in answer.text
    assert "canary" not in answer.text.lower()
    for name in (
        "hub_members",
        "hub_channels",
        "hub_ready",
        "hub_outbox_oldest_seconds",
        "hub_http_request_seconds_count",
        "hub_connections",
        "hub_deliveries_total",
        "hub_delivered_bytes_total",
        "hub_slow_members_total",
        'hub_joins_total{from="ring"}',
        'hub_joins_total{from="table"}',
        'hub_joins_total{from="snapshot"}',
        "hub_gap_publications_total",
        "hub_broker_up",
        'hub_publish_to_write_seconds_bucket{le="0.005"}',
        "hub_loop_gap_seconds",
    ):
        assert f"\n{name}" in answer.text


async def test_single_channels_are_for_whoever_has_the_token(settings):
    settings = settings.model_copy(update={"hub_metrics_token": SecretStr("let me see")})
    async with open_api(settings) as api:
        for headers, is_told in (
            ({}, False),
            ({"Authorization": "Bearer let me"}, False),
            ({"Authorization": "Bearer let me see"}, True),
        ):
            figures = (await api.anonymous.get("/metrics", headers=headers)).text
            assert ("hub_channel_members" in figures) is is_told


async def test_without_the_database_requests_get_503_and_afterwards_answers_again(settings, own_postgres, guard):
    address = own_postgres.url.replace("postgresql:", "postgresql+asyncpg:", 1)
    await asyncio.to_thread(upgrade, address)
    async with open_api(settings.model_copy(update={"database_url": _secret(settings, address)})) as api:

        async def is_served():
            return (await api.anonymous.get("/api/v1/pages")).status_code == 200

        await wait_until(is_served)
        await asyncio.to_thread(own_postgres.kill)
        error_of(await api.anonymous.get("/api/v1/pages"), 503, "unavailable")
        login = {"email": "a@example.test", "password": "correct horse"}
        error_of(await api.anonymous.post("/api/v1/auth/login", json=login), 503, "unavailable")
        assert (await api.anonymous.get("/healthz")).status_code == 200
        assert (await api.anonymous.get("/readyz")).status_code == 503
        await asyncio.to_thread(own_postgres.start, guard=guard)
        await wait_until(is_served, within_s=15)


def _secret(settings, address):
    return type(settings.database_url)(address)
