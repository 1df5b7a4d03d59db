"""T12: passwords and links that are guessed, from one place and from many; the owner is not locked out.

Each try costs a hash, so most tests run with smaller limits than a hub has by default.
"""

import asyncio

import httpx2
import pytest

from hub.services import accounts
from tests.support.accounts import PASSWORD, add_account, client_of, letters_to, sign_in
from tests.support.api import BASE_URL, data_of, error_of, open_api

ADA = "ada@example.test"
PER_ACCOUNT, PER_ADDRESS = 2, 5


@pytest.fixture
async def ada(api):
    return await add_account(api, ADA)


@pytest.fixture
async def strict(settings):
    """A hub with `PER_ACCOUNT` and `PER_ADDRESS`, and an account."""
    limits = {
        "hub_login_tries_per_account_per_15_min": PER_ACCOUNT,
        "hub_login_tries_per_address_per_15_min": PER_ADDRESS,
    }
    async with open_api(settings.model_copy(update=limits)) as api:
        await add_account(api, ADA)
        yield api


def at(api, address):
    """A client at a network address."""
    app = api.anonymous._transport.app
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app, client=(address, 4711)), base_url=BASE_URL)


async def guess(client, email=ADA, password="wrong horse"):
    return await client.post("/api/v1/auth/login", json={"email": email, "password": password})


async def guesses(client, emails):
    """How many of these wrong tries, made in turn, were looked at."""
    answers = [await guess(client, email) for email in emails]
    for answer in answers:
        if answer.status_code == 429:
            error_of(answer, 429, "too_many_requests")
            assert 0 < int(answer.headers["retry-after"]) <= 900
        else:
            error_of(answer, 401, "unauthenticated")
    return [answer.status_code for answer in answers].count(401)


async def test_one_account_stands_ten_wrong_tries_from_one_address_at_any_speed(api, ada):
    client = at(api, "192.0.2.1")
    answers = await asyncio.gather(*(guess(client) for _ in range(25)))
    assert sorted(answer.status_code for answer in answers) == [401] * 10 + [429] * 15
    error_of(await guess(client, password=PASSWORD), 429)
    error_of(await guess(client, "  ADA@Example.test", PASSWORD), 429)
    # Elsewhere he is let in, and from there other accounts too.
    data_of(await guess(at(api, "192.0.2.2"), password=PASSWORD))


async def test_one_address_has_so_many_wrong_tries_at_whatever_accounts(strict):
    client = at(strict, "192.0.2.1")
    assert await guesses(client, [f"user{n}@example.test" for n in range(PER_ADDRESS + 5)]) == PER_ADDRESS
    error_of(await guess(client, password=PASSWORD), 429)
    data_of(await guess(at(strict, "192.0.2.2"), password=PASSWORD))


async def test_known_and_unknown_accounts_run_into_the_limit_alike(strict):
    known, unknown = at(strict, "192.0.2.1"), at(strict, "192.0.2.2")
    for _ in range(PER_ACCOUNT + 3):
        one, other = await guess(known), await guess(unknown, "nobody@example.test")
        assert one.status_code == other.status_code
        first, second = one.json()["error"], other.json()["error"]
        assert first["code"] == second["code"]
        if one.status_code == 401:
            assert first == second


async def test_guessing_from_everywhere_is_slowed_and_the_owner_signs_in_at_home(strict):
    """Ten times the tries of one address, from all addresses together; where he has been before they count apart."""
    home = at(strict, "198.51.100.7")
    data_of(await guess(home, password=PASSWORD))
    looked_at = sum([await guesses(at(strict, f"192.0.2.{n}"), [ADA] * PER_ACCOUNT) for n in range(1, 13)])
    assert looked_at == 10 * PER_ACCOUNT - 1  # the owner's first sign-in was from nowhere known, too
    error_of(await guess(at(strict, "203.0.113.9"), password=PASSWORD), 429)
    data_of(await guess(home, password=PASSWORD))
    error_of(await guess(home), 401)
    data_of(await guess(home, password=PASSWORD))
    # And elsewhere as soon as he has shown that the mailbox is his.
    away = at(strict, "203.0.113.9")
    data_of(await away.post("/api/v1/auth/forgot", json={"email": ADA}))
    body = {"token": (await letters_to(strict, ADA))[-1].token, "new_password": "a quite different one"}
    data_of(await away.post("/api/v1/auth/reset", json=body))
    data_of(await guess(away, password="a quite different one"))


async def test_an_ipv6_network_is_one_place(strict):
    """Whoever has one address of a /64 has them all; and at home is wherever the same network is."""
    data_of(await guess(at(strict, "2001:db8:1:1::7"), password=PASSWORD))
    looked_at = sum([await guesses(at(strict, f"2001:db8:1:2::{n}"), [ADA]) for n in range(1, 7)])
    assert looked_at == PER_ACCOUNT
    for address, is_at_home in [("2001:db8:1:1::99", True), ("2001:db8:1:2::1", False), ("", False)]:
        assert (await accounts.find_claimant(strict.state["db"], ADA, address)).is_at_home is is_at_home


async def test_signing_in_clears_what_was_mistyped_before(strict):
    client = at(strict, "192.0.2.1")
    for _ in range(PER_ADDRESS - 1):
        error_of(await guess(client), 401)
        data_of(await guess(client, password=PASSWORD))


async def test_the_present_password_is_guessed_no_faster_by_whoever_has_the_session(strict):
    client = await client_of(strict, ADA)
    body = {"current_password": "wrong horse", "new_password": "a quite different one"}
    codes = [(await client.post("/api/v1/me/password", json=body)).status_code for _ in range(PER_ACCOUNT + 2)]
    assert codes == [422] * PER_ACCOUNT + [429] * 2
    error_of(await client.post("/api/v1/me/email", json={"email": "x@example.test", "current_password": PASSWORD}), 429)
    error_of(await client.request("DELETE", "/api/v1/me", json={"current_password": PASSWORD}), 429)


async def test_links_are_not_guessed_by_the_thousand(api, ada):
    client = at(api, "192.0.2.1")
    data_of(await client.post("/api/v1/auth/forgot", json={"email": ADA}))
    token = (await letters_to(api, ADA))[0].token
    codes = []
    for n in range(65):
        body = {"token": f"{n:043}", "new_password": "a quite different one"}
        codes.append((await client.post("/api/v1/auth/reset", json=body)).status_code)
    assert codes == [422] * 60 + [429] * 5
    body = {"token": token, "new_password": "a quite different one"}
    error_of(await client.post("/api/v1/auth/reset", json=body), 429)
    data_of(await at(api, "192.0.2.2").post("/api/v1/auth/reset", json=body))


async def test_letters_to_one_mailbox_are_few_and_nobody_is_told(api, ada):
    """T13. Neither a flood of letters, nor a difference between a mailbox that is full and one that is not there."""
    answers = [
        await at(api, f"192.0.2.{n}").post("/api/v1/auth/forgot", json={"email": email})
        for n in range(12)
        for email in (ADA, "nobody@example.test")
    ]
    assert {answer.status_code for answer in answers} == {200}
    assert len(await letters_to(api, ADA)) == 5


async def test_a_stranger_who_registers_an_address_uses_up_no_letter_that_its_owner_needs(api, ada):
    for n in range(3):
        stranger = at(api, f"192.0.2.{n}")
        for password in (PASSWORD, PASSWORD, "short"):
            await stranger.post("/api/v1/auth/register", json={"email": ADA, "password": password})
    kinds = [letter.kind for letter in await letters_to(api, ADA)]
    assert kinds == ["already_registered"] * 5
    data_of(await api.client().post("/api/v1/auth/forgot", json={"email": ADA}))
    data_of(await (await client_of(api, ADA)).post("/api/v1/me/verification"))
    assert [letter.kind for letter in await letters_to(api, ADA)][5:] == ["reset", "verification"]


async def test_letters_and_accounts_caused_by_one_address_are_few(api):
    client = at(api, "192.0.2.1")
    forgot = [
        (await client.post("/api/v1/auth/forgot", json={"email": f"user{n}@example.test"})).status_code
        for n in range(25)
    ]
    assert forgot == [200] * 20 + [429] * 5
    body = {"email": "new@example.test", "password": PASSWORD}
    error_of(await client.post("/api/v1/auth/register", json=body), 429)
    assert await api.rows("account") == 0


async def test_a_session_is_new_at_each_sign_in_whatever_the_client_brought(api, ada):
    """T14. Cookies and tokens that somebody planted are not taken over, nor do they live on as the new session's."""
    planted = await sign_in(api, ADA)
    mine = data_of(
        await api.client().get("/api/v1/me", headers={"Authorization": f"Bearer {planted['access_token']}"})
    )["session_id"]
    client = api.client()
    client.cookies.set("hub_access", planted["access_token"])
    client.cookies.set("hub_refresh", planted["refresh_token"])
    client.cookies.set("session", "planted")
    seen = {mine}
    for _ in range(3):
        grant = data_of(await client.post("/api/v1/auth/login", json={"email": ADA, "password": PASSWORD}))
        headers = {"Authorization": f"Bearer {grant['access_token']}"}
        seen.add(data_of(await api.client().get("/api/v1/me", headers=headers))["session_id"])
        assert grant["refresh_token"] != planted["refresh_token"]
    assert len(seen) == 4
