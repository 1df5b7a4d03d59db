"""Proving an address, forgetting a password, changing both: who learns what, and what each link is good for."""

import asyncio
import re
from statistics import median
from time import perf_counter

import pytest
from sqlalchemy import text

from hub.clock import SystemClock
from hub.domain.control import RightsChanged, SessionsEnded
from hub.notify.delivery import deliver_due, sender_of
from tests.support.accounts import (
    PASSWORD,
    add_account,
    audited,
    client_of,
    letters_to,
    run_sql,
    sign_in,
    told,
)
from tests.support.api import data_of, error_of, open_api
from tests.support.smtp import Sink, link_in

ADA, BOB = "ada@example.test", "bob@example.test"
NEW_PASSWORD = "a quite different one"


@pytest.fixture
async def ada(api):
    """The id of an account that can sign in and has proven nothing."""
    return await add_account(api, ADA)


async def register(api, email=ADA, password=PASSWORD):
    return await api.anonymous.post("/api/v1/auth/register", json={"email": email, "password": password})


async def use(api, token, path="verify", **more):
    return await api.anonymous.post(f"/api/v1/auth/{path}", json={"token": token, **more})


async def forgot(api, email=ADA):
    return await api.anonymous.post("/api/v1/auth/forgot", json={"email": email})


async def reset_token(api, email=ADA):
    data_of(await forgot(api, email))
    return (await letters_to(api, email))[-1].token


async def is_verified(api, client):
    return data_of(await client.get("/api/v1/me"))["is_verified"]


async def test_from_registering_to_a_proven_address(api, settings, admin):
    """The letter goes out as in production, its link is read by a person, and every node learns of the new right."""
    data_of(await register(api), 201)
    client = await client_of(api, ADA)
    assert await deliver_due(api.state["db"], sender_of(settings), SystemClock()) == 1
    (mail,) = data_of(await admin.get("/api/v1/mails"))
    assert (mail["recipient"], mail["subject"]) == (ADA, "Confirm your e-mail address")
    link = link_in(mail["body"])
    assert re.fullmatch(re.escape(settings.base_url) + r"/verify#[\w-]{43}", link)
    assert not await is_verified(api, client)
    proven = data_of(await use(api, link.partition("#")[2]))
    assert (proven["email"], proven["is_verified"]) == (ADA, True)
    assert await is_verified(api, client)
    assert await told(api) == [RightsChanged(accounts=(proven["id"],))]
    assert [action for action, _, _ in await audited(api)] == ["account.registered", "account.verified"]


async def test_the_same_through_a_mail_server(settings):
    async with (
        Sink().running() as sink,
        open_api(settings.model_copy(update={"smtp_host": "127.0.0.1", "smtp_port": sink.port})) as api,
    ):
        data_of(await register(api), 201)
        assert await deliver_due(api.state["db"], sender_of(api.state["settings"]), SystemClock()) == 1
        assert sink.recipients == [ADA]
        data_of(await use(api, link_in(sink.mails[0]).partition("#")[2]))
        admin = await api.client_of("admin@example.test", is_admin=True)
        error_of(await admin.get("/api/v1/mails"), 404, "not_found")


async def test_only_admins_read_the_mails_of_a_hub_without_a_mail_server(api, ada):
    error_of(await (await client_of(api, ADA)).get("/api/v1/mails"), 403, "forbidden")
    error_of(await api.anonymous.get("/api/v1/mails"), 401)


async def test_a_link_works_once_and_not_for_ever(api, ada):
    """T9. Nothing of it stands in the database as it was mailed."""
    client = await client_of(api, ADA)
    data_of(await client.post("/api/v1/me/verification"))
    token = (await letters_to(api, ADA))[0].token
    async with api.state["db"]() as session:
        assert token not in await session.scalar(text("SELECT string_agg(t::text, '') FROM mailed_token t"))
    answers = await asyncio.gather(*(use(api, token) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [422] * 7
    await run_sql(api, "UPDATE account SET verified_at = NULL")
    data_of(await client.post("/api/v1/me/verification"))
    late = (await letters_to(api, ADA))[-1].token
    await run_sql(api, "UPDATE mailed_token SET expires_at = now()")
    assert error_of(await use(api, late), 422, "invalid")["fields"].keys() == {"token"}
    assert not await is_verified(api, client)


async def test_each_kind_of_token_opens_one_thing(api, ada):
    """T9. Neither proves an address, resets a password nor signs in that was made for another purpose."""
    grant = await sign_in(api, ADA)
    headers = {"Authorization": f"Bearer {grant['access_token']}"}
    data_of(await api.anonymous.post("/api/v1/me/verification", headers=headers))
    verification, reset = (await letters_to(api, ADA))[-1].token, await reset_token(api)
    before = await api.fingerprint()
    for token in (reset, grant["refresh_token"], grant["access_token"][:256], "hub_" + "x" * 40, "' OR 1=1 --"):
        error_of(await use(api, token), 422, "invalid")
    for token in (verification, grant["refresh_token"], "0" * 43):
        error_of(await use(api, token, "reset", new_password=NEW_PASSWORD), 422, "invalid")
    for token in (verification, reset):
        error_of(await api.anonymous.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}), 401)
        error_of(await api.anonymous.post("/api/v1/auth/refresh", json={"refresh_token": token}), 401)
        error_of(await api.anonymous.post("/api/v1/invitations/accept", headers=headers, json={"token": token}), 404)
    assert await api.fingerprint() == before
    data_of(await use(api, verification))
    data_of(await use(api, reset, "reset", new_password=NEW_PASSWORD))


async def test_looking_at_a_link_uses_nothing_up(api, ada):
    """T13, case 89. Mail scanners and previews open every link; only the button's POST counts."""
    token = await reset_token(api)
    before = await api.fingerprint()
    for path in (
        "/verify",
        "/reset",
        "/api/v1/auth/verify",
        "/api/v1/auth/reset",
        f"/api/v1/auth/verify?token={token}",
    ):
        for method in ("GET", "HEAD"):
            for _ in range(5):
                await api.anonymous.request(method, path)
    assert await api.fingerprint() == before
    data_of(await use(api, token, "reset", new_password=NEW_PASSWORD))


async def test_somebody_who_registers_a_taken_address_learns_nothing_and_its_owner_does(api, ada):
    """T13. The letter to the owner holds no token, and there are only so many of them."""
    fresh, taken = await register(api, BOB), await register(api, ADA)
    strip = {"id": None, "created_at": None, "email": None}
    assert data_of(fresh, 201) | strip == data_of(taken, 201) | strip
    assert [letter.kind for letter in await letters_to(api, BOB)] == ["verification"]
    (letter,) = await letters_to(api, ADA)
    assert letter.kind == "already_registered"
    assert "#" not in letter.body
    for _ in range(15):
        data_of(await register(api, ADA), 201)
    assert len(await letters_to(api, ADA)) <= 10
    assert await told(api) == []


async def test_whether_an_address_has_an_account_cannot_be_asked(api, ada):
    """T13. Same status, same body; only the mailbox knows."""
    answers = [await forgot(api, email) for email in (ADA, "  ADA@Example.Test", "nobody@example.test")]
    assert len({(answer.status_code, str(answer.json()["data"])) for answer in answers}) == 1
    assert [letter.kind for letter in await letters_to(api, ADA)] == ["reset", "reset"]
    assert await letters_to(api, "nobody@example.test") == []
    await run_sql(api, "UPDATE account SET disabled_at = now()")
    data_of(await forgot(api))
    assert len(await letters_to(api, ADA)) == 2


async def test_forgetting_takes_as_long_for_unknown_addresses(settings, database_url):
    """T13. Medians of pairs that run back to back; the work is the same, statement by statement."""
    async with open_api(settings.model_copy(update={"hub_letters_per_recipient_per_hour": 0})) as api:
        await add_account(api, ADA)

        async def seconds(email):
            began = perf_counter()
            data_of(await forgot(api, email))
            return perf_counter() - began

        pairs = [(await seconds(ADA), await seconds("nobody@example.test")) for _ in range(40)]
        known, unknown = (median(times) for times in zip(*pairs, strict=True))
        assert abs(known - unknown) < max(0.005, 0.5 * known)


async def test_a_forgotten_password_is_replaced_and_every_sign_in_ends(api, ada):
    """T8. All other links for a new password die with the first that is used."""
    old = await sign_in(api, ADA)
    first, second = await reset_token(api), await reset_token(api)
    answer = await use(api, first, "reset", new_password=NEW_PASSWORD)
    assert data_of(answer) is None
    error_of(await api.anonymous.get("/api/v1/me", headers={"Authorization": f"Bearer {old['access_token']}"}), 401)
    error_of(await api.anonymous.post("/api/v1/auth/refresh", json={"refresh_token": old["refresh_token"]}), 401)
    error_of(await use(api, second, "reset", new_password="yet another one"), 422, "invalid")
    error_of(await use(api, first, "reset", new_password="yet another one"), 422, "invalid")
    error_of(await api.anonymous.post("/api/v1/auth/login", json={"email": ADA, "password": PASSWORD}), 401)
    await sign_in(api, ADA, NEW_PASSWORD)
    assert await told(api) == [SessionsEnded(account=ada)]
    assert await audited(api) == [("account.password_reset", ada, ada)]
    assert (await letters_to(api, ADA))[-1].kind == "password_changed"


async def test_an_unfit_new_password_leaves_the_link_good(api, ada):
    token = await reset_token(api)
    assert "new_password" in error_of(await use(api, token, "reset", new_password="short"), 422)["fields"]
    data_of(await use(api, token, "reset", new_password=NEW_PASSWORD))


async def test_another_address_counts_when_it_is_proven_and_the_old_one_is_told(api, ada):
    """Case 85. The account is unproven from the moment it asks, and every node is told so at once."""
    await run_sql(api, "UPDATE account SET verified_at = now()")
    client = await client_of(api, ADA)
    reset = await reset_token(api)
    body = {"email": " Ada@New.test ", "current_password": PASSWORD}
    assert data_of(await client.post("/api/v1/me/email", json=body)) is None
    me = data_of(await client.get("/api/v1/me"))
    assert (me["email"], me["is_verified"]) == (ADA, False)
    assert await told(api) == [RightsChanged(accounts=(ada,))]
    assert (await letters_to(api, ADA))[-1].kind == "change_asked"
    (letter,) = await letters_to(api, "ada@new.test")
    data_of(await use(api, letter.token))
    me = data_of(await client.get("/api/v1/me"))
    assert (me["email"], me["is_verified"]) == ("ada@new.test", True)
    assert await told(api) == [RightsChanged(accounts=(ada,))] * 2
    # Whoever reads the old mailbox only can do nothing with what he was mailed.
    error_of(await use(api, reset, "reset", new_password=NEW_PASSWORD), 422, "invalid")
    error_of(await api.anonymous.post("/api/v1/auth/login", json={"email": ADA, "password": PASSWORD}), 401)
    await sign_in(api, "ada@new.test")
    actions = [action for action, _, _ in await audited(api)]
    assert actions == ["account.email_change_asked", "account.email_changed"]
    async with api.state["db"]() as session:
        assert "@" not in await session.scalar(text("SELECT string_agg(t::text, '') FROM audit_entry t"))


async def test_an_address_of_somebody_else_is_not_taken_and_not_told(api, ada):
    """T13. The answer is as ever; whoever registers it meanwhile keeps it."""
    await add_account(api, BOB)
    client = await client_of(api, ADA)
    data_of(await client.post("/api/v1/me/email", json={"email": BOB, "current_password": PASSWORD}))
    (letter,) = await letters_to(api, BOB)
    assert (letter.kind, "#" in letter.body) == ("address_in_use", False)
    data_of(await client.post("/api/v1/me/email", json={"email": "free@example.test", "current_password": PASSWORD}))
    (letter,) = await letters_to(api, "free@example.test")
    await add_account(api, "free@example.test")
    before = await api.fingerprint()
    error_of(await use(api, letter.token), 409, "conflict")
    assert await api.fingerprint() == before


async def test_changing_the_address_needs_the_password_and_another_fit_address(api, ada):
    client = await client_of(api, ADA)
    before = await api.fingerprint()
    for email, password, field in [
        ("new@example.test", "wrong horse", "current_password"),
        (ADA, PASSWORD, "email"),
        ("a@x.test, b@x.test", PASSWORD, "email"),
        ("a@x.test\r\nBcc: b@x.test", PASSWORD, "email"),
    ]:
        answer = await client.post("/api/v1/me/email", json={"email": email, "current_password": password})
        assert error_of(answer, 422, "invalid")["fields"].keys() == {field}
    assert await api.fingerprint() == before


async def test_a_link_to_an_address_that_was_given_up_proves_nothing(api, ada):
    client = await client_of(api, ADA)
    data_of(await client.post("/api/v1/me/verification"))
    old = (await letters_to(api, ADA))[0].token
    data_of(await client.post("/api/v1/me/email", json={"email": BOB, "current_password": PASSWORD}))
    error_of(await use(api, old), 422, "invalid")
    assert not await is_verified(api, client)


async def test_a_new_password_is_told_to_every_node_and_stops_a_change_of_address(api, ada):
    """T8, case 91."""
    here, there = await client_of(api, ADA), await client_of(api, ADA)
    data_of(await here.post("/api/v1/me/email", json={"email": BOB, "current_password": PASSWORD}))
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    grant = data_of(await here.post("/api/v1/me/password", json=body))
    error_of(await there.get("/api/v1/me"), 401)
    headers = {"Authorization": f"Bearer {grant['access_token']}"}
    mine = data_of(await api.anonymous.get("/api/v1/me", headers=headers))["session_id"]
    assert await told(api) == [SessionsEnded(account=ada, spared=mine)]
    error_of(await use(api, (await letters_to(api, BOB))[0].token), 422, "invalid")


async def test_a_proven_address_is_not_asked_for_again(api, ada):
    await run_sql(api, "UPDATE account SET verified_at = now()")
    data_of(await (await client_of(api, ADA)).post("/api/v1/me/verification"))
    assert await letters_to(api, ADA) == []
