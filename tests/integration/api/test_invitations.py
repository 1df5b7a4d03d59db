"""Invitations: who gets in by one, how often, and what nobody learns from one (R8; cases 86, 88, 89)."""

import asyncio
from collections import Counter
from datetime import timedelta

import httpx2
import pytest
from sqlalchemy import insert, text

from hub.auth.permissions import Principal
from hub.errors import Conflict, NotFound
from hub.ids import new_id
from hub.services import invitations, people_groups
from hub.services.database import Sessions
from hub.services.invitations import NewInvitation
from models import Account
from tests.support.api import Api, data_of, error_of
from tests.support.desk import T0
from tests.support.groups import ACCEPT, GROUPS, accept, account_id, invite, let_in, make_group

OPS = f"{GROUPS}/ops"
BASE = "https://hub.test"


@pytest.fixture
async def owner(api: Api) -> httpx2.AsyncClient:
    """A client whose account owns the group `ops`."""
    client = await api.client_of("owner@example.test")
    await make_group(client)
    return client


async def listed(owner: httpx2.AsyncClient, invitation: dict) -> dict:
    return next(item for item in data_of(await owner.get(f"{OPS}/invitations")) if item["id"] == invitation["id"])


async def letters_to(api: Api, recipient: str) -> list[str]:
    async with api.state["db"]() as session:
        query = text("SELECT body FROM mail WHERE recipient = :recipient ORDER BY id")
        return list(await session.scalars(query, {"recipient": recipient}))


async def set_email(api: Api, client: httpx2.AsyncClient, email: str, *, is_proven: bool) -> None:
    statement = "UPDATE account SET email = :email, verified_at = CASE WHEN :is_proven THEN now() END WHERE id = :id"
    values = {"email": email, "is_proven": is_proven, "id": await account_id(client)}
    async with api.state["db"].begin() as session:
        await session.execute(text(statement), values)


async def test_a_link_is_shown_once_and_kept_as_a_hash(api, owner):
    made = await invite(owner, max_uses=3, expires_in_s=3600)
    assert made["url"] == f"{api.state['settings'].base_url}/invite/{made['token']}"
    [listed_one] = data_of(await owner.get(f"{OPS}/invitations"))
    assert listed_one == {name: value for name, value in made.items() if name not in {"token", "url"}}
    assert (made["state"], made["max_uses"], made["uses"], made["email"]) == ("pending", 3, 0, None)
    async with api.state["db"]() as session:
        for table in ("invitation", "audit_entry", "event"):
            rows = await session.scalars(text(f"SELECT t::text FROM {table} t"))  # noqa: S608
            assert not any(made["token"] in row for row in rows)


async def test_of_twenty_parallel_accepts_of_one_link_one_gets_in(api, owner):
    """R8, case 86."""
    token = (invitation := await invite(owner))["token"]
    people = [await api.client_of(f"p{n}@example.test") for n in range(20)]
    answers = await asyncio.gather(*(accept(client, token) for client in people))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 404: 19}
    assert len(data_of(await owner.get(f"{OPS}/members"))) == 2
    assert (await listed(owner, invitation))["state"] == "used"
    assert await api.rows("invitation_use") == 1


async def test_whoever_is_not_let_in_learns_nothing(api, owner):
    """R8. Unknown, expired, used up, revoked, replaced, for another address: one answer, without the group's name."""
    clock_of_database = "UPDATE invitation SET expires_at = now() - interval '1 s' WHERE id = :id"
    guest = await api.client_of("guest@example.test")
    expired, revoked, used, replaced = [await invite(owner) for _ in range(4)]
    async with api.state["db"].begin() as session:
        await session.execute(text(clock_of_database), {"id": expired["id"]})
    data_of(await owner.delete(f"{OPS}/invitations/{revoked['id']}"))
    data_of(await accept(await api.client_of("first@example.test"), used["token"]))
    data_of(await owner.post(f"{OPS}/invitations/{replaced['id']}/resend"))
    others = await invite(owner, email="other@example.test")
    tokens = [item["token"] for item in (expired, revoked, used, replaced, others)]
    tokens += ["x", "é", "' OR true --", "a" * 256, expired["token"].swapcase(), expired["id"]]
    states = [(await listed(owner, item))["state"] for item in (expired, revoked, used)]
    assert states == ["expired", "revoked", "used"]
    before = await api.fingerprint()
    answers = [await accept(guest, token) for token in tokens]
    errors = [error_of(answer, 404, "not_found") for answer in answers]
    assert all(error == errors[0] for error in errors)
    assert errors[0]["message"] == "This invitation is not valid (any more)."
    assert not any("ops" in answer.text.lower() or "operations" in answer.text.lower() for answer in answers)
    for token in tokens:
        error_of(await accept(api.anonymous, token), 401, "unauthenticated")
    for body in ({}, {"token": ""}, {"token": 1}, {"token": "x" * 257}, {"token": "x", "role": "owner"}):
        error_of(await guest.post(ACCEPT, json=body), 422)
    assert await api.fingerprint() == before


async def test_an_invitation_of_an_address_is_for_the_account_that_has_proven_it(api, owner):
    """R8. Also when the address is registered, but not confirmed: anybody could have done that."""
    made = await invite(owner, email=" Guest@Example.test ")
    assert made["email"] == "guest@example.test"
    squatter = await api.client_of("guest@example.test", is_verified=False)
    error_of(await accept(squatter, made["token"]), 404)
    await set_email(api, squatter, "squatter@example.test", is_proven=True)
    error_of(await accept(squatter, made["token"]), 404)
    guest = await api.client_of("guest@example.test")
    assert data_of(await accept(guest, made["token"]))["role"] == "member"
    [letter] = await letters_to(api, "guest@example.test")
    assert made["url"] in letter


async def test_the_same_account_may_accept_again_and_takes_no_second_use(api, owner):
    made = await invite(owner, max_uses=2)
    guest = await api.client_of("guest@example.test")
    answers = await asyncio.gather(*(accept(guest, made["token"]) for _ in range(5)))
    shown = [data_of(answer) for answer in answers]
    assert all(item == shown[0] for item in shown)
    assert (shown[0]["slug"], shown[0]["role"]) == ("ops", "member")
    assert (await listed(owner, made))["uses"] == 1
    data_of(await owner.delete(f"{OPS}/invitations/{made['id']}"))
    assert data_of(await accept(guest, made["token"])) == shown[0]
    # Who is in by another way takes no use either, and by a link that lets nobody in he is told nothing.
    fresh = await invite(owner)
    assert data_of(await accept(guest, fresh["token"])) == shown[0]
    assert (await listed(owner, fresh))["uses"] == 0
    error_of(await accept(guest, (await invite(owner, email="other@example.test"))["token"]), 404)


async def test_a_removed_member_does_not_come_back_by_an_old_link(api, owner):
    """R8. A replayed link."""
    made = await invite(owner, max_uses=5)
    guest = await api.client_of("guest@example.test")
    data_of(await accept(guest, made["token"]))
    data_of(await owner.delete(f"{OPS}/members/{await account_id(guest)}"))
    error_of(await accept(guest, made["token"]), 404)
    error_of(await guest.get(OPS), 404)
    assert (await listed(owner, made))["uses"] == 1
    await let_in(owner, guest)


async def test_an_address_is_invited_once_however_many_admins_do_it_at_once(api, owner):
    """Case 88. One row; the others are answered as a sending again, and the last link is the one that works."""
    second = await api.client_of("second@example.test")
    await let_in(owner, second, role="admin")
    body = {"email": "guest@example.test"}
    answers = await asyncio.gather(*(client.post(f"{OPS}/invitations", json=body) for client in (owner, second) * 3))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 5}
    made = [answer.json()["data"] for answer in answers]
    assert len({item["id"] for item in made}) == 1
    pending = [item for item in data_of(await owner.get(f"{OPS}/invitations")) if item["state"] == "pending"]
    assert [item["email"] for item in pending] == ["guest@example.test"]
    guest = await api.client_of("guest@example.test")
    results = [(await accept(guest, item["token"])).status_code for item in made]
    assert sorted(results) == [200, 404, 404, 404, 404, 404]
    before = await api.fingerprint()
    error_of(await owner.post(f"{OPS}/invitations", json=body), 409, "conflict")  # he is in
    assert await api.fingerprint() == before


async def test_an_expired_or_lost_invitation_is_sent_again(api, owner):
    made = await invite(owner, email="guest@example.test")
    path = f"{OPS}/invitations/{made['id']}/resend"
    async with api.state["db"].begin() as session:
        await session.execute(text("UPDATE invitation SET expires_at = now() - interval '1 d'"))
    again = data_of(await owner.post(path, json={"expires_in_s": 60}))
    assert (again["id"], again["state"]) == (made["id"], "pending")
    assert again["token"] != made["token"]
    assert [again["url"] in letter for letter in await letters_to(api, "guest@example.test")] == [False, True]
    guest = await api.client_of("guest@example.test")
    error_of(await accept(guest, made["token"]), 404)
    data_of(await accept(guest, again["token"]))
    before = await api.fingerprint()
    error_of(await owner.post(path), 409, "conflict")
    error_of(await owner.delete(f"{OPS}/invitations/{made['id']}"), 409, "conflict")
    error_of(await owner.post(f"{OPS}/invitations/{'0' * 12}/resend"), 404)
    assert await api.fingerprint() == before


async def test_revoking_twice_is_no_error(api, owner):
    made = await invite(owner)
    data_of(await owner.delete(f"{OPS}/invitations/{made['id']}"))
    before = await api.fingerprint()
    data_of(await owner.delete(f"{OPS}/invitations/{made['id']}"))
    error_of(await owner.post(f"{OPS}/invitations/{made['id']}/resend"), 409)
    assert await api.fingerprint() == before


async def test_what_an_invitation_may_say_has_bounds(api, owner):
    before = await api.fingerprint()
    for body in (
        {"max_uses": 0}, {"max_uses": -1}, {"max_uses": 10_001}, {"max_uses": True}, {"max_uses": "1"},
        {"expires_in_s": 59}, {"expires_in_s": 90 * 86_400 + 1}, {"expires_in_s": None}, {"email": "nobody"},
        {"email": "a@b.test\nBcc: c@d.test"}, {"email": "a@b.test", "max_uses": 2}, {"role": "owner"},
        {"token": "mine"}, {"group_id": "0" * 12}, {"created_by": "0" * 12}, {"uses": 0},
    ):  # fmt: skip
        error_of(await owner.post(f"{OPS}/invitations", json=body), 422, "invalid")
    assert await api.fingerprint() == before


async def test_nobody_is_buried_in_letters(api, owner):
    """A link that nobody is written may be made as often as one likes."""
    made = await invite(owner, email="guest@example.test")
    path = f"{OPS}/invitations/{made['id']}/resend"
    for _ in range(19):
        data_of(await owner.post(path))
    before = await api.fingerprint()
    for answer in (await owner.post(path), await owner.post(f"{OPS}/invitations", json={"email": made["email"]})):
        error_of(answer, 429, "too_many_requests")
        assert int(answer.headers["retry-after"]) > 0
    assert await api.fingerprint() == before
    assert len(await letters_to(api, "guest@example.test")) == 20
    await invite(owner)


async def test_looking_at_a_link_takes_no_use(api, owner):
    """Case 89. A preview or a mail scanner opens whatever it finds; only a POST accepts."""
    made = await invite(owner, email="guest@example.test")
    guest = await api.client_of("guest@example.test")
    before = await api.fingerprint()
    for client in (api.anonymous, guest):
        for _ in range(10):
            for method in ("GET", "HEAD"):
                await client.request(method, f"/invite/{made['token']}")
                assert (await client.request(method, ACCEPT)).status_code == 405
                assert (await client.request(method, f"{ACCEPT}?token={made['token']}")).status_code == 405
    assert await api.fingerprint() == before
    data_of(await accept(guest, made["token"]))


# ── many rounds, without HTTP ────────────────────────────────────────────────────────────────────────────────


async def people(sessions: Sessions, count: int) -> list[Principal]:
    """Accounts with proven addresses."""
    made = [Principal(account_id=new_id(), is_verified=True) for _ in range(count)]
    rows = [
        {"id": item.account_id, "email": f"{item.account_id}@x.test", "is_admin": False, "verified_at": T0}
        | {"created_at": T0, "updated_at": T0}
        for item in made
    ]
    async with sessions.begin() as session:
        await session.execute(insert(Account), rows)
    return made


async def issue(sessions: Sessions, owner: Principal, slug: str, max_uses: int) -> dict:
    async with sessions.begin() as session:
        new = NewInvitation(max_uses=max_uses)
        return (await invitations.create(session, slug, new, base_url=BASE, by=owner, now=T0)).shown


async def attempt(sessions: Sessions, token: str, by: Principal) -> bool:
    try:
        async with sessions.begin() as session:
            await invitations.accept(session, token, by=by, now=T0)
    except NotFound:
        return False
    return True


async def count_members(sessions: Sessions, slug: str) -> int:
    query = "SELECT count(*) FROM group_member JOIN people_group ON people_group.id = group_id WHERE slug = :slug"
    async with sessions() as session:
        return int(await session.scalar(text(query), {"slug": slug}) or 0)


@pytest.mark.slow
async def test_of_one_more_than_there_are_uses_one_is_turned_away_every_time(sessions: Sessions):
    """R8. n + 1 at once, 200 rounds."""
    owner, *guests = await people(sessions, 5)
    for n in range(200):
        uses = 1 + n % 3
        async with sessions.begin() as session:
            await people_groups.create(session, f"g{n}", "G", by=owner, now=T0)
        token = (await issue(sessions, owner, f"g{n}", uses))["token"]
        let_in = await asyncio.gather(*(attempt(sessions, token, guest) for guest in guests[: uses + 1]))
        assert sum(let_in) == uses
        assert await count_members(sessions, f"g{n}") == 1 + uses


async def test_a_link_that_is_revoked_while_it_is_accepted_does_one_or_the_other(sessions: Sessions):
    """R8."""
    owner, *guests = await people(sessions, 31)
    async with sessions.begin() as session:
        await people_groups.create(session, "ops", "Ops", by=owner, now=T0)

    async def revoke(invitation_id: str) -> bool:
        try:
            async with sessions.begin() as session:
                await invitations.revoke(session, "ops", invitation_id, by=owner, now=T0)
        except Conflict:
            return False
        return True

    for n, guest in enumerate(guests):
        made = await issue(sessions, owner, "ops", 1)
        before = await count_members(sessions, "ops")
        calls = [attempt(sessions, made["token"], guest), revoke(made["id"])]
        outcomes = await asyncio.gather(*(calls if n % 2 else reversed(calls)))
        assert sum(outcomes) == 1
        is_in = outcomes[0 if n % 2 else 1]
        assert await count_members(sessions, "ops") == before + is_in


async def test_a_link_ends_at_its_instant(sessions: Sessions):
    owner, guest = await people(sessions, 2)
    async with sessions.begin() as session:
        await people_groups.create(session, "ops", "Ops", by=owner, now=T0)
    token = (await issue(sessions, owner, "ops", 1))["token"]
    end = T0 + timedelta(days=7)
    for now, lets_in in ((end, False), (end - timedelta(milliseconds=1), True), (end, True)):
        try:
            async with sessions.begin() as session:
                await invitations.accept(session, token, by=guest, now=now)
        except NotFound:
            assert not lets_in
        else:
            assert lets_in
