"""Accounts that end or are stopped: by themselves, or by an admin of the hub."""

import asyncio

import pytest
from sqlalchemy import text

from hub.domain.control import RightsChanged, SessionsEnded
from hub.services.database import Sessions
from tests.support.accounts import PASSWORD, add_account, audited, client_of, letters_to, run_sql, sign_in, told
from tests.support.api import data_of, error_of
from tests.support.hub import SECRET_KEY, run_hub
from tests.support.up import up_environment

ADA, BOB = "ada@example.test", "bob@example.test"


@pytest.fixture
async def ada(api):
    return await add_account(api, ADA, is_verified=True)


async def delete_me(client, password=PASSWORD):
    return await client.request("DELETE", "/api/v1/me", json={"current_password": password})


async def own(api, account_id, page_id, role="owner"):
    await run_sql(
        api,
        "INSERT INTO page_role (page_id, account_id, role) VALUES (:page, :account, :role)",
        page=page_id,
        account=account_id,
        role=role,
    )


@pytest.fixture
async def free_page(api, page):
    """The page `acme` without an owner."""
    await run_sql(api, "DELETE FROM page_role")
    return page


async def all_text(api, *tables):
    """Everything that stands in these tables."""
    async with api.state["db"]() as session:
        return "".join(
            [
                await session.scalar(text(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t"))  # noqa: S608
                for table in tables
            ]
        )


async def test_a_deleted_account_leaves_an_id_and_nothing_else(api, admin, page, ada):
    grant = await sign_in(api, ADA)
    client = api.client({"Authorization": f"Bearer {grant['access_token']}"})
    await own(api, ada, page["id"], "editor")
    component = data_of(await client.post("/api/v1/pages/acme/components", json={"name": "API"}), 201)
    data_of(await client.post("/api/v1/groups", json={"slug": "ops", "name": "Ops"}), 201)
    bob = await add_account(api, BOB)
    await run_sql(
        api,
        "INSERT INTO group_member SELECT id, :bob, 'owner', now() FROM people_group",
        bob=bob,
    )
    data_of(await client.post("/api/v1/me/email", json={"email": "new@example.test", "current_password": PASSWORD}))
    data_of(await api.client().post("/api/v1/auth/forgot", json={"email": ADA}))
    told_before = await told(api)

    answer = await delete_me(client)
    assert data_of(answer) is None
    error_of(await client.get("/api/v1/me"), 401)
    error_of(await api.client().post("/api/v1/auth/refresh", json={"refresh_token": grant["refresh_token"]}), 401)
    error_of(await api.client().post("/api/v1/auth/login", json={"email": ADA, "password": PASSWORD}), 401)
    assert await letters_to(api, ADA) == []
    personal = ("account", "session", "refresh_token", "mailed_token", "page_role", "group_member", "foreign_identity")
    rest = await all_text(api, *personal, "audit_entry")
    assert ADA not in rest
    assert await api.rows("mailed_token") == 0
    async with api.state["db"]() as session:
        row = (await session.execute(text("SELECT * FROM account WHERE id = :id"), {"id": ada})).mappings().one()
        addresses = await session.scalar(
            text("SELECT count(address) FROM audit_entry WHERE actor_id = :id"), {"id": ada}
        )
        places = await session.scalar(
            text("SELECT count(*) FROM page_role p FULL JOIN group_member g USING (account_id) WHERE account_id = :id"),
            {"id": ada},
        )
    assert (row["email"], row["password_hash"], row["verified_at"], row["is_admin"]) == (None, None, None, False)
    assert row["deleted_at"] is not None
    assert (addresses, places) == (0, 0)
    assert (await told(api))[len(told_before) :] == [SessionsEnded(account=ada)]
    assert ("account.deleted", ada, ada) in await audited(api)
    # What it made is there still, and the address is free.
    assert data_of(await admin.get(f"/api/v1/pages/acme/components/{component['id']}"))["name"] == "API"
    assert await add_account(api, ADA) != ada


async def test_deleting_oneself_needs_the_password(api, ada):
    client = await client_of(api, ADA)
    before = await api.fingerprint()
    assert "current_password" in error_of(await delete_me(client, "wrong horse"), 422, "invalid")["fields"]
    error_of(await client.request("DELETE", "/api/v1/me", json={}), 422)
    error_of(await client.request("DELETE", "/api/v1/me"), 415)
    error_of(await api.client().request("DELETE", "/api/v1/me", json={"current_password": PASSWORD}), 401)
    assert await api.fingerprint() == before


async def test_the_only_owner_of_a_page_or_a_group_cannot_go(api, free_page, ada):
    client = await client_of(api, ADA)
    await own(api, ada, free_page["id"])
    data_of(await client.post("/api/v1/groups", json={"slug": "ops", "name": "Ops"}), 201)
    before = await api.fingerprint()
    message = error_of(await delete_me(client), 409, "conflict")["message"]
    assert "the page acme, the group ops" in message
    assert await api.fingerprint() == before
    bob = await add_account(api, BOB)
    await own(api, bob, free_page["id"])
    assert "the page acme" not in error_of(await delete_me(client), 409)["message"]
    await run_sql(api, "UPDATE account SET disabled_at = now() WHERE id = :bob", bob=bob)
    assert "the page acme" in error_of(await delete_me(client), 409)["message"]
    await run_sql(api, "UPDATE account SET disabled_at = NULL WHERE id = :bob", bob=bob)
    await run_sql(api, "INSERT INTO group_member SELECT id, :bob, 'owner', now() FROM people_group", bob=bob)
    data_of(await delete_me(client))


async def test_two_owners_who_go_at_once_do_not_leave_a_page_without_one(api, free_page, ada):
    bob = await add_account(api, BOB)
    for account_id in (ada, bob):
        await own(api, account_id, free_page["id"])
    clients = [await client_of(api, ADA), await client_of(api, BOB)]
    answers = await asyncio.gather(*(delete_me(client) for client in clients))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert await api.rows("page_role WHERE role = 'owner'") == 1


async def test_admins_find_disable_and_vouch_for_accounts(api, admin, ada):
    """T8. A disabled account is out at once, everywhere, and back in with a fresh sign-in only."""
    grant = await sign_in(api, ADA)
    headers = {"Authorization": f"Bearer {grant['access_token']}"}
    reset = {"email": ADA}
    data_of(await api.client().post("/api/v1/auth/forgot", json=reset))
    token = (await letters_to(api, ADA))[0].token
    (found,) = data_of(await admin.get("/api/v1/accounts", params={"email": " Ada@example.test"}))
    assert found["id"] == ada
    assert (found["is_disabled"], found["is_verified"]) == (False, True)

    path = f"/api/v1/accounts/{ada}"
    disabled = data_of(await admin.patch(path, json={"disabled": True, "verified": False}))
    assert (disabled["is_disabled"], disabled["is_verified"]) == (True, False)
    error_of(await api.client().get("/api/v1/me", headers=headers), 401)
    error_of(await api.client().post("/api/v1/auth/refresh", json={"refresh_token": grant["refresh_token"]}), 401)
    error_of(await api.client().post("/api/v1/auth/login", json={"email": ADA, "password": PASSWORD}), 401)
    body = {"token": token, "new_password": "a quite different one"}
    error_of(await api.client().post("/api/v1/auth/reset", json=body), 422)
    assert await told(api) == [SessionsEnded(account=ada), RightsChanged(accounts=(ada,))]

    enabled = data_of(await admin.patch(path, json={"disabled": False}))
    assert enabled["is_disabled"] is False
    error_of(await api.client().get("/api/v1/me", headers=headers), 401)
    client = await client_of(api, ADA)
    assert data_of(await admin.patch(path, json={"verified": True}))["is_verified"] is True
    assert data_of(await client.get("/api/v1/me"))["is_verified"] is True
    assert (await told(api))[2:] == [RightsChanged(accounts=(ada,))]
    data_of(await admin.patch(path, json={}))
    data_of(await admin.patch(path, json={"verified": True, "disabled": False}))
    assert [action for action, _, account in await audited(api) if account == ada] == ["account.standing_changed"] * 3


async def test_nobody_else_finds_or_changes_accounts(api, admin, ada):
    me = data_of(await admin.get("/api/v1/me"))
    client = await client_of(api, ADA)
    before = await api.fingerprint()
    error_of(await client.get("/api/v1/accounts"), 403, "forbidden")
    for account_id in (ada, me["id"], "nobody000000"):
        error_of(await client.patch(f"/api/v1/accounts/{account_id}", json={"verified": True}), 403, "forbidden")
    error_of(await api.client().get("/api/v1/accounts"), 401)
    error_of(await admin.patch("/api/v1/accounts/nobody000000", json={"verified": True}), 404, "not_found")
    error_of(await admin.patch(f"/api/v1/accounts/{me['id']}", json={"disabled": True}), 409, "conflict")
    for unfit in ({"is_admin": True}, {"verified": None}, {"disabled": "yes"}, {"email": "x@example.test"}):
        error_of(await admin.patch(f"/api/v1/accounts/{ada}", json=unfit), 422, "invalid")
    assert await api.fingerprint() == before


async def test_the_list_of_accounts_is_paged_newest_first(api, admin):
    for n in range(5):
        await add_account(api, f"user{n}@example.test")
    seen, cursor = [], None
    while True:
        answer = await admin.get("/api/v1/accounts", params={"limit": 2, **({"before": cursor} if cursor else {})})
        seen += [item["id"] for item in data_of(answer)]
        cursor = answer.json()["meta"]["next"]
        if cursor is None:
            break
    assert len(seen) == 6
    assert seen == sorted(seen, reverse=True)
    error_of(await admin.get("/api/v1/accounts", params={"before": "x"}), 422)


async def test_the_command_line_disables_enables_and_vouches(
    database_url: str, redis_url: str, sessions: Sessions, tmp_path
):
    env = up_environment(tmp_path, DATABASE_URL=database_url, REDIS_URL=redis_url, HUB_SECRET_KEY=SECRET_KEY)
    made = await run_hub("user", "create", ADA, "--password-stdin", env=env, stdin=f"{PASSWORD}\n")
    assert made.returncode == 0, made.stderr

    async def standing():
        async with sessions() as session:
            row = (await session.execute(text("SELECT disabled_at, verified_at FROM account"))).one()
            return row.disabled_at is not None, row.verified_at is not None

    for command, expected in [
        ("verify", (False, True)),
        ("disable", (True, True)),
        ("disable", (True, True)),
        ("enable", (False, True)),
    ]:
        done = await run_hub("user", command, ADA, env=env)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(ADA)
        assert await standing() == expected
    missing = await run_hub("user", "disable", "nobody@example.test", env=env)
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)
