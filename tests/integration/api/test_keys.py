"""Keys of machines (T15): what they open, whose they are, and what is refused."""

from datetime import timedelta

import httpx2
import pytest
from sqlalchemy import text

from hub.auth.machine_keys import new_key
from tests.support.api import Api, data_of, error_of

KEYS = "/api/v1/keys"
COMPONENTS = "/api/v1/pages/acme/components"
INCIDENTS = "/api/v1/pages/acme/incidents"
INCIDENT = {"name": "Slow", "status": "investigating", "body": "We look."}


@pytest.fixture
async def owner(api: Api, page: dict) -> httpx2.AsyncClient:
    return await api.client_of("owner@example.test", roles={page["id"]: "owner"})


@pytest.fixture
async def component(admin: httpx2.AsyncClient, page: dict) -> str:
    return data_of(await admin.post(COMPONENTS, json={"name": "API"}), 201)["id"]


async def make(client: httpx2.AsyncClient, *scopes: str, pages: tuple[str, ...] = ("acme",), **more: object) -> dict:
    body = {"name": "robot", "pages": list(pages), "scopes": list(scopes), **more}
    return data_of(await client.post(KEYS, json=body), 201)


def with_key(api: Api, made: dict) -> httpx2.AsyncClient:
    return api.client({"Authorization": f"Bearer {made['key']}"})


async def test_a_key_is_shown_once_and_stored_as_a_hash(api, owner):
    made = await make(owner, "status:write", "read")
    assert made["key"].startswith("hub_")
    assert len(made["key"]) == 47
    [listed] = data_of(await owner.get(KEYS))
    assert listed == {name: value for name, value in made.items() if name != "key"}
    assert listed["scopes"] == ["read", "status:write"]
    assert listed["pages"] == ["acme"]
    async with api.state["db"]() as session:
        rows = await session.scalars(text("SELECT k::text FROM machine_key k UNION SELECT a::text FROM audit_entry a"))
        assert not any(made["key"] in row or made["key"][4:] in row for row in rows)


@pytest.mark.parametrize(
    ("scope", "may"),
    [
        ("read", {"look"}),
        ("status:write", {"look", "status"}),
        ("incidents:write", {"look", "incident"}),
        ("admin", {"look", "status", "incident", "edit"}),
    ],
)
async def test_a_scope_allows_what_it_says_and_nothing_else(api, owner, admin, component, scope, may):
    """T15. Wrong scope: 403."""
    hidden = data_of(await admin.post(COMPONENTS, json={"name": "Inner", "audience": "verified"}), 201)["id"]
    robot = with_key(api, await make(owner, scope))
    answers = {
        "look": await robot.get(f"{COMPONENTS}/{hidden}"),
        "status": await robot.patch(f"{COMPONENTS}/{component}", json={"status": "major_outage"}),
        "incident": await robot.post(INCIDENTS, json={**INCIDENT, "components": {component: "partial_outage"}}),
        "edit": await robot.patch(f"{COMPONENTS}/{component}", json={"name": "Renamed"}),
        "page": await robot.patch("/api/v1/pages/acme", json={"title": "Renamed"}),
        "own": await robot.delete("/api/v1/pages/acme"),
        "keys": await robot.get(KEYS),
        "new key": await robot.post(KEYS, json={"name": "x", "pages": ["acme"], "scopes": ["admin"]}),
        "me": await robot.get("/api/v1/me"),
        "new page": await robot.post("/api/v1/pages", json={"slug": "other", "title": "Other"}),
    }
    expected = may | ({"page"} if "edit" in may else set())
    assert {name for name, answer in answers.items() if answer.is_success} == expected
    assert {answer.status_code for answer in answers.values() if not answer.is_success} == {403}


async def test_a_key_of_one_page_is_a_stranger_on_another(api, owner, admin):
    """T15. A page that strangers do not see: 404; one that they see: 403 for a change."""
    for slug, audience in (("secret", "verified"), ("open", "public")):
        data_of(await admin.post("/api/v1/pages", json={"slug": slug, "title": slug, "audience": audience}), 201)
    robot = with_key(api, await make(owner, "admin"))
    error_of(await robot.get("/api/v1/pages/secret"), 404)
    error_of(await robot.post("/api/v1/pages/secret/components", json={"name": "x"}), 404)
    data_of(await robot.get("/api/v1/pages/open"))
    error_of(await robot.post("/api/v1/pages/open/components", json={"name": "x"}), 403)
    assert {page["slug"] for page in data_of(await robot.get("/api/v1/pages"))} == {"acme", "open"}


async def test_what_is_no_living_key_is_refused(api, owner, component):
    """T15. Guessed, cut, lengthened, revoked, expired: 401, each in the same words."""
    made, ended = await make(owner, "admin"), await make(owner, "admin", expires_in_s=60)
    revoked = await make(owner, "admin")
    data_of(await owner.delete(f"{KEYS}/{revoked['id']}"))
    async with api.state["db"].begin() as session:
        await session.execute(
            text("UPDATE machine_key SET expires_at = :at WHERE id = :id"),
            {"at": api.state["clock"].now() - timedelta(seconds=1), "id": ended["id"]},
        )
    key = made["key"]
    unfit = [new_key(), key[:-1], key + "A", key[:4], key.upper(), key.replace("hub_", "HUB_"), "hub_' OR 1=1 --"]
    answers = [
        await api.client({"Authorization": f"Bearer {text}"}).get("/api/v1/pages/acme")
        for text in [*unfit, revoked["key"], ended["key"]]
    ]
    assert {error_of(answer, 401)["code"] for answer in answers} == {"unauthenticated"}
    data_of(await with_key(api, made).get("/api/v1/pages/acme"))


@pytest.mark.parametrize("name", ["access_token", "token", "key", "api_key", "authorization"])
async def test_a_key_in_the_url_opens_nothing(api, admin, owner, name):
    """T15, T10."""
    data_of(await admin.post(COMPONENTS, json={"name": "Inner", "audience": "verified"}), 201)
    made = await make(owner, "admin")
    assert data_of(await api.anonymous.get(COMPONENTS, params={name: made["key"]})) == []
    error_of(await api.anonymous.post(COMPONENTS, params={name: made["key"]}, json={"name": "x"}), 401)


async def test_a_key_in_a_cookie_opens_nothing(api, owner):
    made = await make(owner, "admin")
    answer = await api.client({"Cookie": f"hub_access={made['key']}"}).get(COMPONENTS)
    error_of(answer, 401)


async def test_only_owners_make_keys(api, admin, page):
    editor = await api.client_of("editor@example.test", roles={page["id"]: "editor"})
    stranger = await api.client_of("stranger@example.test")
    body = {"name": "robot", "pages": ["acme"], "scopes": ["read"]}
    error_of(await editor.post(KEYS, json=body), 403)
    error_of(await stranger.post(KEYS, json=body), 403)
    error_of(await api.anonymous.post(KEYS, json=body), 401)
    assert await api.rows("machine_key") == 0
    data_of(await admin.post(KEYS, json=body), 201)


async def test_every_page_of_a_key_must_be_the_makers(api, admin, owner):
    data_of(await admin.post("/api/v1/pages", json={"slug": "other", "title": "Other"}), 201)
    data_of(await admin.post("/api/v1/pages", json={"slug": "secret", "title": "S", "audience": "verified"}), 201)
    body = {"name": "robot", "scopes": ["read"]}
    error_of(await owner.post(KEYS, json=body | {"pages": ["acme", "other"]}), 403)
    error_of(await owner.post(KEYS, json=body | {"pages": ["acme", "nowhere"]}), 404)
    assert await api.rows("machine_key_page") == 0


@pytest.mark.parametrize(
    "change",
    [{"scopes": []}, {"scopes": ["everything"]}, {"scopes": ["read", 7]}, {"pages": []}, {"pages": "acme"},
     {"name": ""}, {"name": "x" * 256}, {"expires_in_s": 0}, {"expires_in_s": 10**12}, {"expires_in_s": "60"},
     {"key": "hub_" + "A" * 43}, {"created_by": "x"}],
    ids=str,
)  # fmt: skip
async def test_an_unfit_key_is_not_made(api, owner, change):
    error_of(await owner.post(KEYS, json={"name": "x", "pages": ["acme"], "scopes": ["read"], **change}), 422)
    assert await api.rows("machine_key") == 0


async def test_an_owner_sees_and_revokes_the_keys_of_his_pages_alone(api, admin, page, owner):
    other = data_of(await admin.post("/api/v1/pages", json={"slug": "other", "title": "Other"}), 201)
    rival = await api.client_of("rival@example.test", roles={other["id"]: "owner"})
    editor = await api.client_of("editor@example.test", roles={page["id"]: "editor"})
    shared = await make(admin, "admin", pages=("acme", "other"))
    own = await make(owner, "read")
    assert [key["id"] for key in data_of(await owner.get(KEYS))] == [own["id"], shared["id"]]
    assert [(key["id"], key["pages"]) for key in data_of(await rival.get(KEYS))] == [(shared["id"], ["other"])]
    assert data_of(await editor.get(KEYS)) == []
    error_of(await rival.delete(f"{KEYS}/{own['id']}"), 404)
    error_of(await editor.delete(f"{KEYS}/{own['id']}"), 404)
    error_of(await owner.delete(f"{KEYS}/{other['id']}"), 404)
    data_of(await rival.delete(f"{KEYS}/{shared['id']}"))
    error_of(await with_key(api, shared).get("/api/v1/pages/acme"), 401)
    error_of(await owner.delete(f"{KEYS}/{shared['id']}"), 404)
    data_of(await with_key(api, own).get("/api/v1/pages/acme"))


async def test_a_key_outlives_whoever_made_it_and_ends_with_its_page(api, admin, owner):
    robot = with_key(api, await make(owner, "read"))
    async with api.state["db"].begin() as session:
        await session.execute(text("DELETE FROM page_role"))
    data_of(await robot.get("/api/v1/pages/acme"))
    data_of(await admin.delete("/api/v1/pages/acme"))
    error_of(await robot.get("/api/v1/pages"), 401)


async def test_making_and_revoking_are_in_the_log_of_every_page_and_on_the_control_stream(api, admin):
    data_of(await admin.post("/api/v1/pages", json={"slug": "acme", "title": "Acme"}), 201)
    data_of(await admin.post("/api/v1/pages", json={"slug": "other", "title": "Other"}), 201)
    made = await make(admin, "read", pages=("acme", "other"))
    data_of(await admin.delete(f"{KEYS}/{made['id']}"))
    async with api.state["db"]() as session:
        entries = await session.execute(
            text(
                "SELECT slug, action, object_id, before, after, address"
                " FROM audit_entry a JOIN page ON page.id = page_id"
                " WHERE object_kind = 'key' ORDER BY a.id"
            )
        )
        told = await session.scalars(
            text("SELECT payload FROM event JOIN channel ON channel.id = channel_id WHERE name = 'control'")
        )
        said = {"name": "robot", "scopes": ["read"]}
        rows = [tuple(row) for row in entries]
        assert sorted(row[:5] for row in rows[:2]) == [
            (slug, "key.created", made["id"], None, said) for slug in ("acme", "other")
        ]
        assert sorted(row[:5] for row in rows[2:]) == [
            (slug, "key.revoked", made["id"], said, None) for slug in ("acme", "other")
        ]
        assert {row[5] for row in rows} == {"127.0.0.1"}
        assert f'{{"type":"key.revoked","key":"{made["id"]}"}}' in list(told)


async def test_the_last_use_is_written_at_most_once_a_minute(api, owner):
    made = await make(owner, "read")
    robot, uses = with_key(api, made), api.state["credentials"].uses

    async def last_use() -> object:
        return data_of(await owner.get(KEYS))[0]["last_used_at"]

    data_of(await robot.get("/api/v1/pages/acme"))
    await uses.flush()
    first = await last_use()
    assert first is not None
    data_of(await robot.get("/api/v1/pages/acme"))
    await uses.flush()
    assert await last_use() == first
    async with api.state["db"].begin() as session:
        await session.execute(text("UPDATE machine_key SET last_used_at = last_used_at - interval '2 minutes'"))
    data_of(await robot.get("/api/v1/pages/acme"))
    await uses.flush()
    assert await last_use() >= first
