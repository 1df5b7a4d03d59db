"""T7: refresh tokens in two hands. Whoever is first, there is one child, and the second use ends the family."""

import asyncio
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from hub.auth.tokens import Tokens
from hub.clock import SystemClock
from hub.domain.control import SessionsEnded, decode_control
from hub.services import accounts
from hub.services import sessions as sign_ins
from hub.services.database import Sessions
from hub.services.sessions import GRACE_S, Grant, Refusal
from hub.settings import Settings
from tests.support.rows import events_of

VICTIM, THIEF = "Firefox/140.0 (X11; Linux)", "curl/8.0"
TTL_S = 3600


@dataclass
class Family:
    """One sign-in, and refreshes of it at moments of the test's choice."""

    db: Sessions
    tokens: Tokens
    account_id: str
    first: Grant
    now: datetime
    children: dict[str, set[str]] = field(default_factory=dict)  # token → followers that were given out

    async def refresh(self, token: str, who: str = VICTIM, *, after_s: float = 0) -> Grant | Refusal:
        self.now += timedelta(seconds=after_s)
        async with self.db.begin() as session:
            answer = await sign_ins.refresh(
                session, self.tokens, token, user_agent=who, address="::1", refresh_ttl_s=TTL_S, now=self.now
            )
        if isinstance(answer, Grant):
            self.children.setdefault(token, set()).add(answer.refresh_token)
        return answer

    async def is_alive(self) -> bool:
        async with self.db() as session:
            return not await session.scalar(
                text("SELECT ended_at IS NOT NULL FROM session WHERE id = :id"), {"id": self.first.session_id}
            )

    async def told(self) -> list[SessionsEnded]:
        async with self.db() as session:
            events = [decode_control(payload.encode()) for _, payload in await events_of(session, "control")]
        return [event for event in events if isinstance(event, SessionsEnded) and event.account == self.account_id]


@pytest.fixture
def tokens(settings: Settings) -> Tokens:
    return Tokens.of(settings)


@pytest.fixture
async def family(sessions: Sessions, tokens: Tokens) -> Family:
    async with sessions.begin() as session:
        account = await accounts.create_account(
            session, "a@example.test", "a long pass phrase", now=SystemClock().now()
        )
    return await new_family(sessions, tokens, account.id)


async def new_family(db: Sessions, tokens: Tokens, account_id: str) -> Family:
    now = SystemClock().now()
    async with db.begin() as session:
        grant = await sign_ins.start(
            session, tokens, account_id, user_agent=VICTIM, address="::1", refresh_ttl_s=TTL_S, now=now
        )
    return Family(db, tokens, account_id, grant, now)


async def test_when_the_victim_was_first_the_thief_ends_the_session_for_both(family: Family):
    """Also within the grace: it is for the program that was first."""
    follower = await family.refresh(family.first.refresh_token)
    assert isinstance(follower, Grant)
    assert await family.refresh(family.first.refresh_token, THIEF, after_s=1) is Refusal.REUSED
    assert await family.refresh(follower.refresh_token) is Refusal.UNKNOWN
    assert not await family.is_alive()
    assert await family.told() == [SessionsEnded(account=family.account_id, sessions=(family.first.session_id,))]


async def test_when_the_thief_was_first_the_victim_ends_the_session_for_both(family: Family):
    stolen = await family.refresh(family.first.refresh_token, THIEF)
    assert isinstance(stolen, Grant)
    assert await family.refresh(family.first.refresh_token, after_s=1) is Refusal.REUSED
    assert await family.refresh(stolen.refresh_token, THIEF) is Refusal.UNKNOWN
    assert not await family.is_alive()


async def test_a_thief_who_copies_the_program_too_is_found_after_the_grace(family: Family):
    """What the grace gives away: within it both get the same follower, and the first later use by both is a reuse."""
    mine = await family.refresh(family.first.refresh_token)
    his = await family.refresh(family.first.refresh_token, after_s=GRACE_S - 1)
    assert isinstance(mine, Grant)
    assert isinstance(his, Grant)
    assert mine.refresh_token == his.refresh_token
    assert isinstance(await family.refresh(mine.refresh_token, after_s=300), Grant)
    assert await family.refresh(his.refresh_token, after_s=GRACE_S + 1) is Refusal.REUSED
    assert not await family.is_alive()


async def test_a_lost_answer_is_given_again_within_the_grace_and_not_later(family: Family):
    """The choice (decision 0014): the same program, within 10 s, gets the same follower; later it signs in again."""
    lost = await family.refresh(family.first.refresh_token)
    again = await family.refresh(family.first.refresh_token, after_s=GRACE_S)
    assert isinstance(lost, Grant)
    assert isinstance(again, Grant)
    assert lost.refresh_token == again.refresh_token
    assert await family.refresh(family.first.refresh_token, after_s=0.001) is Refusal.REUSED


async def test_a_token_from_long_ago_ends_the_session_too(family: Family):
    token = family.first.refresh_token
    for _ in range(5):
        grant = await family.refresh(token, after_s=60)
        assert isinstance(grant, Grant)
        token = grant.refresh_token
    assert await family.refresh(family.first.refresh_token) is Refusal.REUSED
    assert await family.refresh(token) is Refusal.UNKNOWN


async def test_a_browser_that_renews_itself_stays_signed_in(family: Family):
    newer = VICTIM.replace("140", "141")
    grant = await family.refresh(family.first.refresh_token, newer, after_s=60)
    assert isinstance(grant, Grant)
    assert isinstance(await family.refresh(family.first.refresh_token, newer, after_s=1), Grant)
    async with family.db() as session:
        (shown,) = await sign_ins.list_own(session, family.account_id)
    assert shown.user_agent == newer


@pytest.mark.slow
async def test_two_uses_in_the_same_millisecond_never_make_two_children(family: Family):
    """A thousand times: by the same program both get one child; by two programs the second ends the family."""

    async def race(number: int) -> None:
        rival = THIEF if number % 2 else VICTIM
        one = await new_family(family.db, family.tokens, family.account_id)
        token = one.first.refresh_token
        answers = await asyncio.gather(one.refresh(token), one.refresh(token, rival))
        grants = [answer for answer in answers if isinstance(answer, Grant)]
        assert len(one.children[token]) == 1
        async with one.db() as session:
            rows = await session.scalar(
                text("SELECT count(*) FROM refresh_token WHERE session_id = :id"), {"id": one.first.session_id}
            )
        assert rows == 2
        assert (len(grants), await one.is_alive()) == ((1, False) if rival is THIEF else (2, True))

    for start in range(0, 1000, 5):
        await asyncio.gather(*(race(start + n) for n in range(5)))


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_two_holders_do_a_token_has_one_child_and_an_ended_family_none(family: Family, seed: int):
    """A random walk: both know some tokens of the family, and use any of them at any time.

    As long as it lives each token has had one follower; once a token came back late, or from another program than the
    one that used it, nobody gets anything again.
    """
    chance = random.Random(seed)
    known = [family.first.refresh_token]
    used: dict[str, tuple[datetime, str]] = {}
    last_user = VICTIM
    has_ended = False
    for _ in range(25):
        # Mostly the newest token: a family that dies at the first step shows little.
        token = known[-1] if chance.random() < 0.7 else chance.choice(known)
        who = VICTIM if chance.random() < 0.85 else THIEF
        answer = await family.refresh(token, who, after_s=chance.choice([0, 0.001, 1, GRACE_S, GRACE_S + 1, 60]))
        if has_ended:
            assert answer is Refusal.UNKNOWN
        elif token not in used:
            assert isinstance(answer, Grant)
            used[token], last_user = (family.now, who), who
            known.append(answer.refresh_token)
        elif family.now - used[token][0] <= timedelta(seconds=GRACE_S) and who == last_user:
            assert isinstance(answer, Grant)
        else:
            assert answer is Refusal.REUSED
            has_ended = True
    assert all(len(followers) == 1 for followers in family.children.values())
    assert await family.is_alive() is not has_ended
    assert len(await family.told()) == int(has_ended)
