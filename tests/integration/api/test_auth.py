"""Signing in, staying signed in, signing out; and what an attacker makes of each."""

import asyncio
from datetime import timedelta
from statistics import median
from time import perf_counter

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from hub.services import accounts, sessions
from tests.support.api import BASE_URL, data_of, error_of, open_api

EMAIL, PASSWORD = "ada@example.test", "correct horse battery"
LOGIN = {"email": EMAIL, "password": PASSWORD}
ORIGIN = {"Origin": BASE_URL}


@pytest.fixture
async def ada(api):
    """An account that can sign in."""
    async with api.state["db"].begin() as session:
        return await accounts.create_account(session, EMAIL, PASSWORD, now=api.state["clock"].now())


async def sign_in(api, client=None):
    return data_of(await (client or api.client()).post("/api/v1/auth/login", json=LOGIN))


def bearer(grant):
    return {"Authorization": f"Bearer {grant['access_token']}"}


async def refresh(api, token, client=None):
    return await (client or api.client()).post("/api/v1/auth/refresh", json={"refresh_token": token})


async def age_refresh_tokens(api, seconds):
    """Make the past older instead of waiting."""
    async with api.state["db"].begin() as session:
        await session.execute(
            text("UPDATE refresh_token SET used_at = used_at - make_interval(secs => :s)"), {"s": seconds}
        )


async def test_a_registered_account_signs_in_and_is_told_who_it_is(api):
    made = data_of(await api.anonymous.post("/api/v1/auth/register", json=LOGIN), 201)
    assert (made["email"], made["is_admin"], made["is_verified"]) == (EMAIL, False, False)
    grant = await sign_in(api)
    assert grant.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (grant["token_type"], grant["expires_in"]) == ("bearer", 600)
    me = data_of(await api.anonymous.get("/api/v1/me", headers=bearer(grant)))
    assert (me["id"], me["email"], me["roles"]) == (made["id"], EMAIL, {})


async def test_the_address_is_one_whatever_its_spelling(api, ada):
    spelled = {"email": "  ADA@Example.Test ", "password": PASSWORD}
    data_of(await api.anonymous.post("/api/v1/auth/login", json=spelled))


async def test_registering_a_taken_address_looks_like_any_other_and_changes_nothing(api, ada):
    before = await api.fingerprint()
    taken = await api.anonymous.post("/api/v1/auth/register", json={"email": EMAIL, "password": "another password"})
    after = await api.fingerprint()
    assert {table for table in after if after[table] != before[table]} == {"mail"}
    fresh = await api.anonymous.post("/api/v1/auth/register", json={"email": "bob@example.test", "password": PASSWORD})
    assert data_of(taken, 201).keys() == data_of(fresh, 201).keys()
    assert data_of(taken, 201)["id"] != ada.id
    error_of(await api.anonymous.post("/api/v1/auth/login", json={"email": EMAIL, "password": "another password"}), 401)
    await sign_in(api)


async def test_an_unfit_address_or_password_is_named(api):
    addresses = [
        "ada", "a b@example.test", "@example.test", "x" * 65 + "@example.test", "a@" + "b" * 260 + ".test",
        "a@b@example.test", "a@example..test",
    ]  # fmt: skip
    cases = [(email, PASSWORD, "email") for email in addresses]
    cases += [("new@example.test", password, "password") for password in ("short", "x" * 257, "x" * 2000)]
    for email, password, field in cases:
        answer = await api.anonymous.post("/api/v1/auth/register", json={"email": email, "password": password})
        assert field in error_of(answer, 422, "invalid")["fields"], email
    assert await api.rows("account") == 0


async def test_a_wrong_password_an_unknown_and_a_disabled_account_get_one_answer(api, ada):
    wrong = await api.anonymous.post("/api/v1/auth/login", json={**LOGIN, "password": "wrong horse battery"})
    unknown = await api.anonymous.post("/api/v1/auth/login", json={**LOGIN, "email": "nobody@example.test"})
    unfit = await api.anonymous.post("/api/v1/auth/login", json={**LOGIN, "email": "nobody"})
    async with api.state["db"].begin() as session:
        await session.execute(text("UPDATE account SET disabled_at = now()"))
    disabled = await api.anonymous.post("/api/v1/auth/login", json=LOGIN)
    errors = [error_of(answer, 401, "unauthenticated") for answer in (wrong, unknown, unfit, disabled)]
    assert errors == [errors[0]] * 4


async def test_known_and_unknown_addresses_take_about_the_same_time(api, ada):
    """T12. Each pair runs back to back, so that a busy machine slows both; without the dummy hash the ratio is 10."""

    async def seconds(email):
        began = perf_counter()
        error_of(await api.anonymous.post("/api/v1/auth/login", json={"email": email, "password": "wrong horse"}), 401)
        return perf_counter() - began

    pairs = [(await seconds(EMAIL), await seconds("nobody@example.test")) for _ in range(5)]
    assert 0.5 < median(known / unknown for known, unknown in pairs) < 2


async def test_browsers_get_both_tokens_in_cookies_no_script_can_read(api, ada):
    client = api.client()
    grant = await sign_in(api, client)
    access, refreshing = client_cookies = (await client.post("/api/v1/auth/login", json=LOGIN)).headers.get_list(
        "set-cookie"
    )
    assert len(client_cookies) == 2
    assert access.startswith("hub_access=")
    assert "Path=/;" in access
    assert refreshing.startswith("hub_refresh=")
    assert "Path=/api/v1/auth;" in refreshing
    for cookie in client_cookies:
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Secure" not in cookie
    assert data_of(await client.get("/api/v1/me"))["email"] == EMAIL
    assert grant["refresh_token"] not in access


async def test_cookies_are_secure_when_the_hub_is_reached_by_https(settings):
    async with open_api(settings.model_copy(update={"hub_base_url": "https://status.example"})) as api:
        async with api.state["db"].begin() as session:
            await accounts.create_account(session, EMAIL, PASSWORD, now=api.state["clock"].now())
        answer = await api.anonymous.post("/api/v1/auth/login", json=LOGIN)
        assert all("Secure" in cookie for cookie in answer.headers.get_list("set-cookie"))


async def test_a_cookie_alone_authorises_no_write_for_a_foreign_page(api, ada):
    """X2. Also when the Origin header is missing, as in a form of an old browser."""
    client = api.client()
    await sign_in(api, client)
    before = await api.fingerprint()
    foreign = ["null", "https://evil.example", "http://hub.test.evil.example", "https://hub.test", "http://hub.test:81"]
    for headers in ({}, *({"Origin": origin} for origin in foreign)):
        for method, path in [
            ("DELETE", "/api/v1/me/sessions"),
            ("POST", "/api/v1/auth/logout"),
            ("POST", "/api/v1/auth/refresh"),
        ]:
            error_of(await client.request(method, path, headers=headers), 403, "forbidden")
    assert await api.fingerprint() == before
    assert data_of(await client.get("/api/v1/me"))["email"] == EMAIL


async def test_pages_of_the_hub_write_with_the_cookie(api, ada):
    client = api.client()
    await sign_in(api, client)
    data_of(await client.post("/api/v1/auth/refresh", headers=ORIGIN))
    data_of(await client.post("/api/v1/auth/logout", headers=ORIGIN))
    assert not client.cookies
    error_of(await client.get("/api/v1/me"), 401)


async def test_the_session_is_over_for_every_token_as_soon_as_it_ended(api, ada):
    grant = await sign_in(api)
    follower = data_of(await refresh(api, grant["refresh_token"]))
    data_of(await api.anonymous.post("/api/v1/auth/logout", headers=bearer(grant)))
    for token in (grant, follower):
        error_of(await api.anonymous.get("/api/v1/me", headers=bearer(token)), 401, "unauthenticated")
    error_of(await refresh(api, follower["refresh_token"]), 401)
    data_of(await api.anonymous.post("/api/v1/auth/logout", headers=bearer(grant)))


async def test_logging_out_with_an_expired_access_token_ends_the_session_by_the_refresh_token(api, ada):
    grant = await sign_in(api)
    headers = {"Authorization": "Bearer not.a.token"}
    body = {"refresh_token": grant["refresh_token"]}
    data_of(await api.anonymous.post("/api/v1/auth/logout", headers=headers, json=body))
    error_of(await api.anonymous.get("/api/v1/me", headers=bearer(grant)), 401)


async def test_a_cookie_of_an_ended_session_is_taken_back(api, ada, page):
    client = api.client()
    grant = await sign_in(api, client)
    data_of(await api.anonymous.post("/api/v1/auth/logout", headers=bearer(grant)))
    error_of(await client.get("/api/v1/pages/acme"), 401)
    assert "hub_access" not in client.cookies
    assert data_of(await client.get("/api/v1/pages/acme"))["slug"] == "acme"


async def test_a_refresh_token_works_once_and_is_followed_by_exactly_one(api, ada):
    grant = await sign_in(api)
    follower = data_of(await refresh(api, grant["refresh_token"]))
    assert follower["refresh_token"] != grant["refresh_token"]
    data_of(await api.anonymous.get("/api/v1/me", headers=bearer(follower)))
    assert await api.rows("refresh_token") == 2


async def test_two_tabs_that_refresh_at_once_get_the_same_follower(api, ada):
    """T7. Whoever is second, by milliseconds or by a lost answer, gets the first one's follower within 10 s."""
    grant = await sign_in(api)
    answers = await asyncio.gather(*(refresh(api, grant["refresh_token"]) for _ in range(8)))
    assert len({data_of(answer)["refresh_token"] for answer in answers}) == 1
    assert await api.rows("refresh_token") == 2
    await age_refresh_tokens(api, 9)
    data_of(await refresh(api, grant["refresh_token"]))
    assert await api.rows("refresh_token") == 2


async def test_a_refresh_token_used_again_later_ends_the_session_for_both(api, ada):
    """T7. The thief or the victim is second; which, nobody can know."""
    grant = await sign_in(api)
    follower = data_of(await refresh(api, grant["refresh_token"]))
    await age_refresh_tokens(api, sessions.GRACE_S + 1)
    error_of(await refresh(api, grant["refresh_token"]), 401)
    error_of(await refresh(api, follower["refresh_token"]), 401)
    error_of(await api.anonymous.get("/api/v1/me", headers=bearer(follower)), 401)


async def test_an_expired_or_invented_refresh_token_is_refused(api, ada):
    grant = await sign_in(api)
    async with api.state["db"].begin() as session:
        await session.execute(text("UPDATE refresh_token SET expires_at = now()"))
    for token in (grant["refresh_token"], "0" * 64, "' OR 1=1 --", grant["access_token"][:256]):
        error_of(await refresh(api, token), 401, "unauthenticated")
    error_of(await api.anonymous.post("/api/v1/auth/refresh"), 401)
    error_of(await api.anonymous.post("/api/v1/auth/refresh", json={}), 401)


async def test_tokens_are_stored_as_hashes_only(api, ada):
    grant = await sign_in(api)
    async with api.state["db"]() as session:
        stored = await session.scalar(text("SELECT string_agg(t::text, '') FROM refresh_token t"))
        password = await session.scalar(text("SELECT password_hash FROM account"))
    assert grant["refresh_token"] not in stored
    assert PASSWORD not in password
    assert password.startswith("$argon2id$")


async def test_a_refresh_token_is_no_access_token_and_the_other_way_round(api, ada):
    """T9."""
    grant = await sign_in(api)
    headers = {"Authorization": f"Bearer {grant['refresh_token']}"}
    error_of(await api.anonymous.get("/api/v1/me", headers=headers), 401)


async def test_a_broken_authorization_header_is_refused(api, page):
    for header in (b"", b"Bearer", b"Bearer ", b"Basic YTpi", b"bearer a b", b"Bearer " + b"x" * 5000, b"Bearer \xff"):
        answer = await api.anonymous.get("/api/v1/pages/acme", headers={"Authorization": header})
        error_of(answer, 401, "unauthenticated")


async def test_a_token_in_the_url_is_not_looked_at(api, ada):
    """T10."""
    token = (await sign_in(api))["access_token"]
    error_of(await api.anonymous.get("/api/v1/me", params={"access_token": token, "token": token}), 401)


async def test_an_expired_access_token_says_so(api, ada):
    tokens, now = api.state["tokens"], api.state["clock"].now()
    token = tokens.issue(account_id=ada.id, session_id=ada.id, version=1, now=now - timedelta(hours=1))
    answer = await api.anonymous.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    error_of(answer, 401, "token_expired")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_one_device_is_signed_out_from_another(api, ada):
    here, there = await sign_in(api), await sign_in(api)
    listed = data_of(await api.anonymous.get("/api/v1/me/sessions", headers=bearer(here)))
    assert [item["is_current"] for item in listed].count(True) == 1
    (other,) = [item["id"] for item in listed if not item["is_current"]]
    data_of(await api.anonymous.delete(f"/api/v1/me/sessions/{other}", headers=bearer(here)))
    error_of(await api.anonymous.get("/api/v1/me", headers=bearer(there)), 401)
    error_of(await api.anonymous.delete(f"/api/v1/me/sessions/{other}", headers=bearer(here)), 404)
    data_of(await api.anonymous.delete("/api/v1/me/sessions", headers=bearer(here)))
    error_of(await api.anonymous.get("/api/v1/me", headers=bearer(here)), 401)


async def test_nobody_ends_the_session_of_another_account(api, ada, admin):
    grant = await sign_in(api)
    mine = data_of(await api.anonymous.get("/api/v1/me", headers=bearer(grant)))["session_id"]
    error_of(await admin.delete(f"/api/v1/me/sessions/{mine}"), 404, "not_found")
    data_of(await api.anonymous.get("/api/v1/me", headers=bearer(grant)))


async def test_a_new_password_ends_every_session_but_gives_this_client_a_new_one(api, ada):
    """T8."""
    here, there = await sign_in(api), await sign_in(api)
    body = {"current_password": PASSWORD, "new_password": "a quite different one"}
    granted = data_of(await api.anonymous.post("/api/v1/me/password", headers=bearer(here), json=body))
    for old in (here, there):
        error_of(await api.anonymous.get("/api/v1/me", headers=bearer(old)), 401)
        error_of(await refresh(api, old["refresh_token"]), 401)
    data_of(await api.anonymous.get("/api/v1/me", headers=bearer(granted)))
    error_of(await api.anonymous.post("/api/v1/auth/login", json=LOGIN), 401)
    data_of(await api.anonymous.post("/api/v1/auth/login", json={**LOGIN, "password": body["new_password"]}))


async def test_changing_the_password_needs_the_present_one_and_a_fit_new_one(api, ada):
    grant = await sign_in(api)
    before = await api.fingerprint()
    for body, field in [
        ({"current_password": "wrong horse", "new_password": "a quite different one"}, "current_password"),
        ({"current_password": PASSWORD, "new_password": "short"}, "new_password"),
    ]:
        answer = await api.anonymous.post("/api/v1/me/password", headers=bearer(grant), json=body)
        assert error_of(answer, 422, "invalid")["fields"].keys() == {field}
    assert await api.fingerprint() == before


async def test_a_disabled_account_and_a_raised_token_version_end_access_at_once(api, ada):
    """T8."""
    for change in ("disabled_at = now()", "disabled_at = NULL, token_version = token_version + 1"):
        grant = await sign_in(api)
        async with api.state["db"].begin() as session:
            await session.execute(text(f"UPDATE account SET {change}"))  # noqa: S608
        error_of(await api.anonymous.get("/api/v1/me", headers=bearer(grant)), 401)
        async with api.state["db"].begin() as session:
            await session.execute(text("UPDATE account SET disabled_at = NULL"))


async def test_a_hash_with_older_parameters_is_replaced_at_sign_in(api, ada):
    old = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    async with api.state["db"].begin() as session:
        await session.execute(text("UPDATE account SET password_hash = :old"), {"old": old})
    await sign_in(api)
    async with api.state["db"]() as session:
        assert await session.scalar(text("SELECT password_hash FROM account")) != old
    await sign_in(api)
