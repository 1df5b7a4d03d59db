"""Whatever changes, what two nodes have kept of a page is what one would make of it anew, for each kind of viewer."""

import contextlib
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from starlette.types import Receive, Scope, Send

from hub.app import create_app
from hub.engine.redis_client import make_client
from hub.services.rendered import RenderCache
from hub.settings import Settings
from tests.support.api import BASE_URL, data_of, open_api

pytestmark = pytest.mark.slow

PAGE = "/api/v1/pages/acme"
NOW = datetime.now(UTC).replace(microsecond=0)
LOGO = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0h9v9z"/></svg>'
# One for each source that outputs are made from; whatever else there is reads the same.
KEPT = (
    "/p/acme/api/v2/summary.json",
    "/p/acme/history.atom",
    "/p/acme/maintenance.ics",
)
KEPT_FOR_ANYBODY = ("/p/acme/embed",)
# What HTML says of how long ago something was goes on while nothing changes, a minute at a time.
_PASSING = re.compile(r' data-(?:ratios|uptime)="[^"]*"|just now|less than a minute|(?:in )?\d+ min(?: ago)?|[\d.,]+')
Json = dict[str, Any]


def hours(ago: float) -> str:
    return (NOW - timedelta(hours=ago)).isoformat()


def window(in_hours: float) -> Json:
    return {"scheduled_for": hours(-in_hours), "scheduled_until": hours(-in_hours - 2)}


class Operator:
    """Changes the page in every way there is, one after the other."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client
        self.made: dict[str, str] = {}

    async def do(self, method: str, path: str, body: Json | bytes | None = None) -> Json:
        path = PAGE + re.sub(r"<([\w ]+)>", lambda name: self.made[name[1]], path)
        with_body = {"content": body} if isinstance(body, bytes) else {} if body is None else {"json": body}
        answer = await self.client.request(method, path, **with_body)  # type: ignore[arg-type]
        assert answer.status_code in {200, 201}, (method, path, answer.text)
        found: Json = answer.json()["data"]
        return found

    async def make(self, name: str, path: str, body: Json) -> None:
        found = await self.do("POST", path, body)
        self.made[name] = found["id"]
        if found.get("updates"):
            self.made[f"{name} update"] = found["updates"][0]["id"]

    async def changes(self) -> AsyncIterator[str]:
        """Makes a change each time one more is asked for; says which."""
        make, do = self.make, self.do
        await make("group", "/groups", {"name": "Ashes"})
        for name, audience in (("open", None), ("hidden", "verified"), ("inner", "authenticated")):
            await make(name, "/components", {"name": name, "audience": audience, "start_date": hours(200)[:10]})
            yield f"component {name}"
        opened, hidden, inner = (self.made[name] for name in ("open", "hidden", "inner"))
        told = {"status": "investigating", "body": "Birch"}
        # Thirteen that are over: the first of them stand in no snapshot any more.
        for n in range(13):
            over = {"name": f"Cedar {n}", "status": "resolved", "body": "Over", "components": {hidden: "major_outage"}}
            await make(f"old {n}", "/incidents", {**over, "started_at": hours(150 - n)})
        yield "incidents of long ago"
        yield await _said(
            "an update of long ago", do("PATCH", "/incidents/<old 0>/updates/<old 0 update>", {"body": "Dogwood"})
        )
        yield await _said("a name of long ago", do("PATCH", "/incidents/<old 0>", {"name": "Elder"}))
        yield await _said("another beginning", do("PATCH", "/incidents/<old 0>", {"started_at": hours(160)}))
        yield await _said("a draft", do("PUT", "/incidents/<old 1>/postmortem", {"body": "Fir"}))
        yield await _said("a postmortem", do("POST", "/incidents/<old 1>/postmortem/publish", {}))
        yield await _said("a note", do("POST", "/incidents/<old 2>/notes", {"body": "Ginkgo"}))
        yield await _said("for others", do("PATCH", "/incidents/<old 3>", {"audience": "public"}))
        yield await _said("one deleted", do("DELETE", "/incidents/<old 4>"))
        await make(
            "trouble",
            "/incidents",
            {**told, "name": "Hazel", "components": {opened: "partial_outage"}, "started_at": hours(3)},
        )
        yield "an incident"
        await make("secret", "/incidents", {**told, "name": "Ironwood", "audience": "verified"})
        yield "an incident for some"
        update = {
            "status": "monitoring",
            "body": "Juniper",
            "components": {opened: "operational", hidden: "major_outage"},
        }
        yield await _said("an update", do("POST", "/incidents/<trouble>/updates", update))
        yield await _said(
            "its time", do("PATCH", "/incidents/<trouble>/updates/<trouble update>", {"display_at": hours(1)})
        )
        yield await _said("an impact", do("PATCH", "/incidents/<trouble>", {"impact": "critical"}))
        yield await _said(
            "its end", do("POST", "/incidents/<trouble>/updates", {"status": "resolved", "body": "Kapok"})
        )
        for name, start in (("soon", 5), ("later", 400), ("running", 0.001)):
            planned = {"name": f"Larch {name}", "body": "Maple", "components": [opened, inner]}
            await make(name, "/maintenances", {**planned, **window(start)})
            yield f"a maintenance, {name}"
        yield await _said("a move", do("PATCH", "/maintenances/<soon>", window(7)))
        yield await _said("other words", do("PATCH", "/maintenances/<later>", {"body": "Nutmeg", "name": "Oak"}))
        yield await _said("for some", do("PATCH", "/maintenances/<later>", {"audience": "verified"}))
        yield await _said("called off", do("POST", "/maintenances/<soon>/cancel", {"body": "Pine"}))
        begun = {"status": "in_progress", "body": "Quince"}
        yield await _said("begun", do("POST", "/maintenances/<running>/updates", begun))
        yield await _said("finished", do("POST", "/maintenances/<running>/finish", {"body": "Rowan"}))
        yield await _said("taken back", do("DELETE", "/maintenances/<later>"))
        for n, change in enumerate(
            (
                {"title": "Spruce"}, {"description": "Teak"}, {"time_zone": "Asia/Kolkata"}, {"locale": "de"},
                {"weights": {"partial_outage": 0.9}}, {"brand_color": "#aa0000"}, {"custom_css": "p { margin: 0 }"},
            )
        ):  # fmt: skip
            yield await _said(f"setting {n}", do("PATCH", "", change))
        yield await _said("a logo", do("PUT", "/files/logo", LOGO))
        for n, change in enumerate(
            (
                {"name": "Umbrella"}, {"status": "degraded_performance"}, {"group_id": self.made["group"]},
                {"description": "Viburnum"}, {"only_show_if_degraded": True}, {"start_date": hours(100)[:10]},
                {"audience": "verified"}, {"audience": None},
            )
        ):  # fmt: skip
            yield await _said(f"component's setting {n}", do("PATCH", "/components/<open>", change))
        yield await _said("group's name", do("PATCH", "/groups/<group>", {"name": "Willow"}))
        yield await _said("order", do("POST", "/components/order", {"components": {"": [inner, hidden]}}))
        yield await _said("component deleted", do("DELETE", "/components/<hidden>"))
        yield await _said("page for some", do("PATCH", "", {"audience": "verified"}))
        yield await _said("page for all", do("PATCH", "", {"audience": "public"}))


async def _said(what: str, change: Any) -> str:
    await change
    return what


@contextlib.asynccontextmanager
async def forgetful(settings: Settings) -> AsyncIterator[httpx2.ASGITransport]:
    """A node that makes everything anew: each request finds a cache in which nothing is kept."""
    app = create_app(settings)
    async with app.router.lifespan_context(app) as state:

        async def fresh(scope: Scope, receive: Receive, send: Send) -> None:
            alone = make_client("redis://127.0.0.1:1/0")
            cache = RenderCache(state["db"], alone, state["clock"])  # type: ignore[index]
            await app({**scope, "state": {**(state or {}), "rendered": cache}}, receive, send)
            await cache.close()

        yield httpx2.ASGITransport(fresh)


@pytest.mark.timeout(600)
async def test_what_is_kept_is_what_would_be_made_anew_after_each_change(settings: Settings):
    """G2, cases 43, 80. Through either node, for anybody and for a verified account."""
    async with open_api(settings) as first, open_api(settings) as second, forgetful(settings) as anew:
        admin = await first.client_of("admin@example.test", is_admin=True)
        verified = await first.client_of("verified@example.test")
        data_of(await admin.post("/api/v1/pages", json={"slug": "acme", "title": "Acme"}), 201)
        viewers: dict[str, dict[str, str]] = {"": {}, "verified": {"Authorization": verified.headers["authorization"]}}
        operator, seen = Operator(admin), []
        async for change in operator.changes():
            seen.append(change)
            for who, headers in viewers.items():
                async with httpx2.AsyncClient(transport=anew, base_url=BASE_URL, headers=headers) as maker:
                    for path in KEPT if who else (*KEPT, *KEPT_FOR_ANYBODY):
                        wanted = _essence(await maker.get(path))
                        assert _essence(await first.client(headers).get(path)) == wanted, (change, who, path)
                    assert _essence(await second.client(headers).get(path)) == wanted, (change, who, path)
        assert len(seen) > 40


def _essence(answer: httpx2.Response) -> tuple[int, str]:
    is_html = answer.headers["content-type"].startswith("text/html")
    text = _PASSING.sub("", answer.text) if is_html else answer.text
    return answer.status_code, re.sub(r'"request_id":"\w+"', "", text)
