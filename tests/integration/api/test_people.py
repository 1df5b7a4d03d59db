"""Groups of people over REST: who sees them, who changes them, and that a refusal changes nothing (R5, R9, R10)."""

import asyncio

import httpx2
import pytest

from hub.domain.control import AccountNews, RightsChanged, decode_control
from tests.support.api import Api, data_of, error_of
from tests.support.groups import GROUPS, account_id, invite, let_in, make_group
from tests.support.rows import events_of

OPS = f"{GROUPS}/ops"
WINDOW = {"scheduled_for": "2100-01-01T00:00:00Z", "scheduled_until": "2100-01-01T02:00:00Z"}


@pytest.fixture
async def owner(api: Api) -> httpx2.AsyncClient:
    """A client whose account owns the group `ops`."""
    client = await api.client_of("owner@example.test")
    await make_group(client)
    return client


def everything(slug: str, member: str, invitation: str) -> list[tuple[str, str, dict | None]]:
    """Every request about one group."""
    path = f"{GROUPS}/{slug}"
    return [
        ("GET", path, None),
        ("PATCH", path, {"name": "Taken over"}),
        ("DELETE", path, None),
        ("GET", f"{path}/members", None),
        ("PATCH", f"{path}/members/{member}", {"role": "member"}),
        ("DELETE", f"{path}/members/{member}", None),
        ("GET", f"{path}/invitations", None),
        ("POST", f"{path}/invitations", {}),
        ("DELETE", f"{path}/invitations/{invitation}", None),
        ("POST", f"{path}/invitations/{invitation}/resend", {}),
        ("GET", f"{path}/audit", None),
    ]


async def send(client: httpx2.AsyncClient, method: str, path: str, body: dict | None) -> httpx2.Response:
    return await client.request(method, path, **({} if body is None else {"json": body}))


async def told(api: Api) -> list:
    async with api.state["db"]() as session:
        return [decode_control(payload.encode()) for _, payload in await events_of(session, "control")]


async def test_whoever_makes_a_group_owns_it(api, owner):
    shown = await owner.get(OPS)
    group = data_of(shown)
    assert (group["slug"], group["name"], group["role"], group["version"]) == ("ops", "Operations", "owner", 1)
    assert shown.headers["etag"] == '"1"'
    assert data_of(await owner.get(GROUPS)) == [group]
    members = data_of(await owner.get(f"{OPS}/members"))
    assert [(item["email"], item["role"]) for item in members] == [("owner@example.test", "owner")]


async def test_making_a_group_needs_a_proven_address_and_a_free_slug(api, owner, admin):
    unproven = await api.client_of("unproven@example.test", is_verified=False)
    before = await api.fingerprint()
    body = {"slug": "others", "name": "Others"}
    error_of(await unproven.post(GROUPS, json=body), 403)
    error_of(await api.anonymous.post(GROUPS, json=body), 401)
    error_of(await admin.post(GROUPS, json={"slug": "ops", "name": "Mine"}), 409, "conflict")
    for wrong in ({"slug": "A"}, {"name": " "}, {"role": "owner"}, {"id": "0" * 12}, {"version": 3}, {"members": []}):
        error_of(await owner.post(GROUPS, json={**body, **wrong}), 422)
    assert await api.fingerprint() == before
    data_of(await admin.post(GROUPS, json=body), 201)


async def test_a_group_is_absent_for_whoever_is_not_in_it(api, owner):
    """R5. Every request, by a stranger with an account: as if the group did not exist."""
    stranger = await api.client_of("stranger@example.test")
    await make_group(stranger, "theirs")
    invitation, member = (await invite(owner))["id"], await account_id(owner)
    before = await api.fingerprint()
    for (method, path, body), (_, nowhere, _) in zip(
        everything("ops", member, invitation), everything("nowhere", member, invitation), strict=True
    ):
        there, missing = await send(stranger, method, path, body), await send(stranger, method, nowhere, body)
        assert error_of(there, 404, "not_found") == error_of(missing, 404, "not_found"), (method, path)
        error_of(await send(api.anonymous, method, path, body), 401)
    assert data_of(await stranger.get(GROUPS))[0]["slug"] == "theirs"
    # Ids of another group, in one's own.
    for method, path, body in everything("theirs", member, invitation):
        if member in path or invitation in path:
            error_of(await send(stranger, method, path, body), 404, "not_found")
    assert await api.fingerprint() == before


async def test_a_member_sees_the_group_and_no_more(api, owner):
    member = await api.client_of("member@example.test")
    await let_in(owner, member)
    invitation, owner_id = (await invite(owner))["id"], await account_id(owner)
    before = await api.fingerprint()
    assert data_of(await member.get(OPS))["role"] == "member"
    for method, path, body in everything("ops", owner_id, invitation)[1:]:
        answer = await send(member, method, path, body)
        error_of(answer, 403, "forbidden")
        assert "owner@example.test" not in answer.text
    assert await api.fingerprint() == before


async def test_an_admin_of_the_group_invites_and_removes_members_but_touches_no_owner(api, owner):
    admin, other, member = [await api.client_of(f"{name}@example.test") for name in ("admin2", "other", "member")]
    admin_id = await let_in(owner, admin, role="admin")
    other_id = await let_in(owner, other, role="admin")
    member_id, owner_id = await let_in(owner, member), await account_id(owner)
    before = await api.fingerprint()
    for target in (owner_id, other_id):
        error_of(await admin.delete(f"{OPS}/members/{target}"), 403)
    for target in (owner_id, other_id, member_id, admin_id):
        error_of(await admin.patch(f"{OPS}/members/{target}", json={"role": "owner"}), 403)
    error_of(await admin.delete(OPS), 403)
    assert await api.fingerprint() == before
    assert len(data_of(await admin.get(f"{OPS}/members"))) == 4
    await invite(admin)
    data_of(await admin.patch(OPS, json={"name": "Ops"}))
    data_of(await admin.delete(f"{OPS}/members/{member_id}"))
    error_of(await member.get(OPS), 404)
    data_of(await admin.delete(f"{OPS}/members/{admin_id}"))  # leaves
    error_of(await admin.get(OPS), 404)


async def test_the_last_owner_stays(api, owner):
    owner_id = await account_id(owner)
    second = await api.client_of("second@example.test")
    second_id = await let_in(owner, second)
    before = await api.fingerprint()
    error_of(await owner.delete(f"{OPS}/members/{owner_id}"), 409)
    for role in ("admin", "member"):
        error_of(await owner.patch(f"{OPS}/members/{owner_id}", json={"role": role}), 409)
    assert await api.fingerprint() == before
    data_of(await owner.patch(f"{OPS}/members/{second_id}", json={"role": "owner"}))
    data_of(await owner.delete(f"{OPS}/members/{owner_id}"))
    error_of(await owner.get(OPS), 404)
    error_of(await second.delete(f"{OPS}/members/{second_id}"), 409)


async def test_of_two_owners_who_remove_each_other_at_once_one_stays(api, owner):
    """R10."""
    for n in range(8):
        rival = await api.client_of(f"rival{n}@example.test")
        rival_id, owner_id = await let_in(owner, rival, role="owner"), await account_id(owner)
        answers = await asyncio.gather(
            owner.delete(f"{OPS}/members/{rival_id}"), rival.delete(f"{OPS}/members/{owner_id}")
        )
        assert sorted(answer.status_code for answer in answers) == [200, 404]
        owner = owner if answers[0].status_code == 200 else rival
        assert [item["role"] for item in data_of(await owner.get(f"{OPS}/members"))] == ["owner"]


async def test_a_hub_admin_sees_every_group_and_may_all_an_owner_may(api, owner, admin):
    member = await api.client_of("member@example.test")
    member_id = await let_in(owner, member)
    assert [(item["slug"], item["role"]) for item in data_of(await admin.get(GROUPS))] == [("ops", None)]
    data_of(await admin.patch(f"{OPS}/members/{member_id}", json={"role": "owner"}))
    data_of(await admin.delete(OPS))
    error_of(await owner.get(OPS), 404)


async def test_a_lost_update_of_a_group_is_refused(api, owner):
    data_of(await owner.patch(OPS, json={"name": "First"}, headers={"If-Match": '"1"'}))
    before = await api.fingerprint()
    for answer in (
        await owner.patch(OPS, json={"name": "Second"}, headers={"If-Match": '"1"'}),
        await owner.patch(OPS, json={"name": "Second", "version": 1}),
    ):
        error_of(answer, 409, "version_conflict")
        assert (answer.json()["data"]["name"], answer.json()["data"]["version"]) == ("First", 2)
    for wrong in ({"slug": "other"}, {"name": None}, {"role": "owner"}):
        error_of(await owner.patch(OPS, json=wrong), 422)
    assert await api.fingerprint() == before


async def test_every_node_and_the_account_itself_learn_of_each_move(api, owner):
    member = await api.client_of("member@example.test")
    member_id = await let_in(owner, member)
    seen = len(await told(api))
    data_of(await owner.patch(f"{OPS}/members/{member_id}", json={"role": "admin"}))
    data_of(await owner.delete(f"{OPS}/members/{member_id}"))
    role, rights, news = (await told(api))[seen:]
    assert isinstance(role, AccountNews)
    assert rights == RightsChanged(accounts=(member_id,))
    assert isinstance(news, AccountNews)
    assert news.account == member_id
    assert bytes(news.data) == b'{"type":"group.left","group":{"slug":"ops","name":"Operations"}}'
    log = data_of(await owner.get(f"{OPS}/audit"))
    actions = [entry["action"] for entry in log]
    assert actions == [
        "member.removed",
        "member.role_changed",
        "member.joined",
        "invitation.created",
        "people_group.created",
    ]
    assert log[0]["before"] == {"role": "admin"}
    assert log[0]["object"] == {"kind": "account", "id": member_id}


async def test_long_lists_come_in_pages(api, owner):
    members = {await let_in(owner, await api.client_of(f"m{n}@example.test")) for n in range(4)}
    members.add(await account_id(owner))
    for path, wanted in ((f"{OPS}/members", members), (f"{OPS}/invitations", None), (f"{OPS}/audit", None)):
        found, cursor = [], ""
        while cursor is not None:
            answer = await owner.get(f"{path}?limit=2{cursor}")
            found += [item["id"] for item in data_of(answer)]
            cursor = answer.json()["meta"]["next"]
            cursor = None if cursor is None else f"&before={cursor}"
        assert len(found) == len(set(found))
        assert found == [item["id"] for item in data_of(await owner.get(path))]
        assert wanted is None or set(found) == wanted
        error_of(await owner.get(f"{path}?before=x"), 422)


@pytest.fixture
async def things(admin, page):
    """(method, path, body without audience) of everything on the page that can have an audience."""
    slug = "/api/v1/pages/acme"
    component = data_of(await admin.post(f"{slug}/components", json={"name": "C"}), 201)
    incident = {"name": "I", "status": "investigating", "body": "B"}
    window = {"name": "M", "body": "B", **WINDOW}
    opened = data_of(await admin.post(f"{slug}/incidents", json=incident), 201)
    planned = data_of(await admin.post(f"{slug}/maintenances", json=window), 201)
    return [
        ("PATCH", slug, {}),
        ("POST", f"{slug}/components", {"name": "C2"}),
        ("PATCH", f"{slug}/components/{component['id']}", {}),
        ("POST", f"{slug}/incidents", incident),
        ("PATCH", f"{slug}/incidents/{opened['id']}", {}),
        ("POST", f"{slug}/maintenances", window),
        ("PATCH", f"{slug}/maintenances/{planned['id']}", {}),
    ]


async def test_an_audience_names_a_group_of_the_writer(api, owner, admin, page, things):
    """A group that is not there and one that is not the writer's: the same words, whatever is written."""
    editor = await api.client_of("editor@example.test", roles={page["id"]: "editor"})
    before = await api.fingerprint()
    for method, path, body in things:
        answers = [
            error_of(await send(editor, method, path, {**body, "audience": audience}), 422, "invalid")
            for audience in ("group:ops", "group:nowhere")
        ]
        assert answers[0] == answers[1]
        assert answers[0]["fields"].keys() == {"audience"}
        error_of(await send(admin, method, path, {**body, "audience": "group:nowhere"}), 422)
    error_of(await admin.post("/api/v1/pages", json={"slug": "n", "title": "N", "audience": "group:nowhere"}), 422)
    assert await api.fingerprint() == before
    await let_in(owner, editor)
    for method, path, body in things:
        assert (await send(editor, method, path, {**body, "audience": "group:ops"})).is_success, path
    # Once it is there, whoever may write leaves it there, a member or not.
    data_of(await editor.delete(f"{OPS}/members/{await account_id(editor)}"))
    for method, path, body in things:
        answer = await send(editor, method, path, {**body, "audience": "group:ops"})
        assert answer.status_code == (200 if method == "PATCH" else 422), path


async def test_a_group_stays_while_anything_has_it_as_its_audience(api, owner, admin, page, things):
    for _, path, _ in [thing for thing in things if thing[0] == "PATCH"]:
        data_of(await admin.patch(path, json={"audience": "group:ops"}))
        before = await api.fingerprint()
        answer = await owner.delete(OPS)
        error_of(answer, 409, "conflict")
        assert "acme" not in answer.text.lower()
        assert await api.fingerprint() == before
        data_of(await admin.patch(path, json={"audience": "public"}))
    data_of(await owner.delete(OPS))
    error_of(await owner.get(OPS), 404)


async def test_nobody_makes_a_group_to_see_what_an_ended_one_saw(api, owner, admin, page):
    """A deleted component keeps its audience; so does what was there before groups were."""
    path = "/api/v1/pages/acme/components"
    hidden = data_of(await admin.post(path, json={"name": "Hidden", "audience": "group:ops"}), 201)
    data_of(await admin.delete(f"{path}/{hidden['id']}"))
    data_of(await owner.delete(OPS))
    before = await api.fingerprint()
    error_of(await owner.post(GROUPS, json={"slug": "ops", "name": "Ops"}), 409, "conflict")
    assert await api.fingerprint() == before
    data_of(await admin.post(GROUPS, json={"slug": "ops", "name": "Ops"}), 201)


async def test_a_group_that_ends_and_an_audience_that_names_it_never_both_win(api, owner, admin, page):
    """R10."""
    for n in range(8):
        slug = f"group-{n}"
        await make_group(owner, slug)
        ended, named = await asyncio.gather(
            owner.delete(f"{GROUPS}/{slug}"),
            admin.patch("/api/v1/pages/acme", json={"audience": f"group:{slug}"}),
        )
        assert (ended.status_code, named.status_code) in {(200, 422), (409, 200)}
        data_of(await admin.patch("/api/v1/pages/acme", json={"audience": "public"}))
