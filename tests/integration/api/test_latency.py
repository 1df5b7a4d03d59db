"""Response times: who may tell them, what is kept of them, what is shown."""

from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from sqlalchemy import text

from hub.services import latency
from tests.support.api import Api, data_of, error_of


@pytest.fixture
async def address(admin: httpx2.AsyncClient, page: dict) -> str:
    made = data_of(await admin.post("/api/v1/pages/acme/components", json={"name": "API"}), 201)
    return f"/api/v1/pages/acme/components/{made['id']}/latency"


async def tell(client: httpx2.AsyncClient, address: str, value: float, at: datetime | None = None) -> dict:
    body = {"latency_ms": value, **({} if at is None else {"at": at.isoformat()})}
    return data_of(await client.post(address, json=body), 201)


async def test_the_last_day_is_shown_as_the_means_of_its_quarters_of_an_hour(api: Api, admin, address):
    now = datetime.now(UTC).replace(microsecond=0)
    quarter = now.replace(minute=now.minute // 15 * 15, second=0) - timedelta(hours=3)
    for minute, value in ((0, 100), (7, 250), (14, 40), (15, 8), (45, 20.25)):
        await tell(admin, address, value, quarter + timedelta(minutes=minute))
    await tell(admin, address, 9, quarter + timedelta(minutes=15))  # the same second again: a correction
    await tell(admin, address, 1, now - timedelta(hours=25))
    shown = data_of(await api.anonymous.get(address))
    assert [(item["at"], item["latency_ms"]) for item in shown] == [
        (_iso(quarter), 130.0),
        (_iso(quarter + timedelta(minutes=15)), 9.0),
        (_iso(quarter + timedelta(minutes=45)), 20.2),
    ]


async def test_a_full_day_fits_in_96_quarters(api: Api, admin, address):
    async with api.state["db"].begin() as session:
        await session.execute(
            text(
                "INSERT INTO latency_sample (component_id, at, latency_ms)"
                " SELECT :id, now() - s * interval '1 minute', s"
                " FROM generate_series(0, 2000) s"
            ),
            {"id": address.split("/")[-2]},
        )
    shown = data_of(await api.anonymous.get(address))
    assert 95 <= len(shown) <= 96
    assert [item["at"] for item in shown] == sorted(item["at"] for item in shown)


async def test_only_who_may_say_how_a_component_is_may_tell_how_fast_it_is(api: Api, admin, page, address):
    viewer = await api.client_of("viewer@example.test", roles={page["id"]: "viewer"})
    error_of(await api.anonymous.post(address, json={"latency_ms": 1}), 401)
    error_of(await viewer.post(address, json={"latency_ms": 1}), 403)
    for scope, status in (("read", 403), ("incidents:write", 403), ("status:write", 201)):
        made = data_of(await admin.post("/api/v1/keys", json={"name": "m", "pages": ["acme"], "scopes": [scope]}), 201)
        robot = api.client({"Authorization": f"Bearer {made['key']}"})
        assert (await robot.post(address, json={"latency_ms": 1})).status_code == status, scope


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"latency_ms": -1}, "latency_ms"),
        ({"latency_ms": 600_001}, "latency_ms"),
        ({"latency_ms": "1"}, "latency_ms"),
        ({"latency_ms": 1, "at": "2199-01-01T00:00:00Z"}, "at"),
        ({"latency_ms": 1, "at": "2020-01-01T00:00:00Z"}, "at"),
        ({"latency_ms": 1, "at": "2026-01-01T00:00:00"}, "at"),
    ],
)
async def test_what_cannot_have_been_measured_is_refused(admin, address, body, field):
    assert field in error_of(await admin.post(address, json=body), 422)["fields"]


async def test_a_hidden_component_has_no_response_times_just_as_one_that_does_not_exist(api: Api, admin, address):
    await tell(admin, address, 5)
    component = address.removesuffix("/latency")
    data_of(await admin.patch(component, json={"audience": "verified"}))
    hidden = error_of(await api.anonymous.get(address), 404)
    missing = error_of(await api.anonymous.get("/api/v1/pages/acme/components/zzzzzzzzzzzz/latency"), 404)
    assert hidden == missing
    assert len(data_of(await admin.get(address))) == 1


async def test_what_is_older_than_thirty_days_goes_and_nothing_else(api: Api, admin, address):
    component_id, now = address.split("/")[-2], datetime.now(UTC)
    async with api.state["db"].begin() as session:
        for days in (1, 29, 31, 40, 400):
            await session.execute(
                text("INSERT INTO latency_sample VALUES (:id, :at, 1)"),
                {"id": component_id, "at": now - timedelta(days=days)},
            )
        assert await latency.prune(session, now=now, limit=2) == 2
        assert await latency.prune(session, now=now, limit=2) == 1
        assert await latency.prune(session, now=now) == 0
        assert await session.scalar(text("SELECT count(*) FROM latency_sample")) == 2


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


async def test_a_page_tells_the_lines_of_all_that_one_may_see_at_once(api: Api, admin, address):
    hidden = data_of(
        await admin.post("/api/v1/pages/acme/components", json={"name": "Vault", "audience": "verified"}), 201
    )
    data_of(await admin.post("/api/v1/pages/acme/components", json={"name": "Never measured"}), 201)
    await tell(admin, address, 40)
    await tell(admin, f"/api/v1/pages/acme/components/{hidden['id']}/latency", 50)
    shown, key = data_of(await api.anonymous.get("/api/v1/pages/acme/latency")), address.split("/")[-2]
    assert [(item["id"], [s["latency_ms"] for s in item["samples"]]) for item in shown] == [(key, [40.0])]
    assert {item["id"] for item in data_of(await admin.get("/api/v1/pages/acme/latency"))} == {key, hidden["id"]}
    error_of(await api.anonymous.get("/api/v1/pages/nowhere/latency"), 404)
    data_of(await admin.patch(f"/api/v1/pages/acme/components/{key}", json={"audience": "verified"}))
    assert data_of(await api.anonymous.get("/api/v1/pages/acme/latency")) == []
