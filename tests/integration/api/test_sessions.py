"""The list of one's sign-ins; and every end of one is told to every node in the transaction that ends it."""

import pytest

from hub.domain.control import SessionsEnded
from tests.support.accounts import PASSWORD, add_account, audited, run_sql, sign_in, told
from tests.support.api import data_of, error_of

ADA = "ada@example.test"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1"


@pytest.fixture
async def ada(api):
    return await add_account(api, ADA)


async def sign_in_with(api, user_agent):
    """A client of its own session, and that session's id and refresh token."""
    client = api.client({"User-Agent": user_agent})
    grant = await sign_in(api, ADA, PASSWORD, client)
    client.cookies.clear()
    client.headers["Authorization"] = f"Bearer {grant['access_token']}"
    return client, data_of(await client.get("/api/v1/me"))["session_id"], grant["refresh_token"]


async def test_each_sign_in_is_listed_with_its_device_and_its_last_use(api, ada):
    desk, desk_id, token = await sign_in_with(api, FIREFOX)
    _, phone_id, _ = await sign_in_with(api, SAFARI)
    await run_sql(api, "UPDATE session SET last_used_at = last_used_at - interval '1 hour', address = '192.0.2.9'")
    before = {item["id"]: item for item in data_of(await desk.get("/api/v1/me/sessions"))}
    assert {before[desk_id]["device"], before[phone_id]["device"]} == {"Firefox on Linux", "Safari on iPhone"}
    assert (before[desk_id]["is_current"], before[phone_id]["is_current"]) == (True, False)
    assert before[desk_id]["address"] == "192.0.2.9"
    data_of(await desk.post("/api/v1/auth/refresh", json={"refresh_token": token}))
    first, second = data_of(await desk.get("/api/v1/me/sessions"))
    assert first["id"] == desk_id
    assert first["last_used_at"] > before[desk_id]["last_used_at"]
    assert second["last_used_at"] == before[phone_id]["last_used_at"]
    assert first["address"] == "192.0.2.9"  # of the sign-in


async def test_the_last_use_is_kept_between_refreshes_and_written_every_five_minutes_at_most(api, ada):
    client, _, _ = await sign_in_with(api, FIREFOX)
    uses = api.state["credentials"].uses

    async def last_use():
        (shown,) = data_of(await client.get("/api/v1/me/sessions"))
        await uses.flush()
        return shown["last_used_at"]

    first = await last_use()
    assert await last_use() == first
    await run_sql(api, "UPDATE session SET last_used_at = last_used_at - interval '6 minutes'")
    old = await last_use()
    assert old < first <= await last_use()


async def test_every_end_of_a_sign_in_is_told(api, ada):
    """T8. Signing out, once or twice; ending another; ending all. Rotation tells nobody."""
    clients = [await sign_in_with(api, FIREFOX) for _ in range(4)]
    (here, here_id, token), (there, there_id, _), (third, third_id, third_token), _ = clients
    token = data_of(await here.post("/api/v1/auth/refresh", json={"refresh_token": token}))["refresh_token"]
    assert await told(api) == []
    data_of(await there.post("/api/v1/auth/logout"))
    data_of(await there.post("/api/v1/auth/logout"))
    data_of(await here.delete(f"/api/v1/me/sessions/{third_id}"))
    error_of(await here.delete(f"/api/v1/me/sessions/{third_id}"), 404)
    data_of(await here.delete("/api/v1/me/sessions"))
    assert await told(api) == [
        SessionsEnded(account=ada, sessions=(there_id,)),
        SessionsEnded(account=ada, sessions=(third_id,)),
        SessionsEnded(account=ada),
    ]
    for client in (here, there, third):
        error_of(await client.get("/api/v1/me"), 401)
    for refresh_token in (token, third_token):
        error_of(await api.client().post("/api/v1/auth/refresh", json={"refresh_token": refresh_token}), 401)
    assert here_id not in {there_id, third_id}


async def test_signing_out_with_the_refresh_token_alone_is_told_too(api, ada):
    _, session_id, token = await sign_in_with(api, FIREFOX)
    data_of(await api.client().post("/api/v1/auth/logout", json={"refresh_token": token}))
    assert await told(api) == [SessionsEnded(account=ada, sessions=(session_id,))]


async def test_a_refresh_token_in_two_hands_is_told_and_written_down(api, ada):
    """T7. The answer is a refusal, and what it means is committed all the same."""
    client, session_id, token = await sign_in_with(api, FIREFOX)
    follower = data_of(await client.post("/api/v1/auth/refresh", json={"refresh_token": token}))
    thief = api.client({"User-Agent": "curl/8"})
    error_of(await thief.post("/api/v1/auth/refresh", json={"refresh_token": token}), 401, "unauthenticated")
    error_of(await client.post("/api/v1/auth/refresh", json={"refresh_token": follower["refresh_token"]}), 401)
    error_of(await client.get("/api/v1/me"), 401)
    assert await told(api) == [SessionsEnded(account=ada, sessions=(session_id,))]
    assert await audited(api) == [("session.reused", ada, ada)]
