"""The generations of the signing key: stored, rotated, and kept up with by every node.

A rotation lets the new generation sign only after every node has had time to hear of it, and lets the older ones be
believed until the last token that they signed is over: nobody is refused, nobody is kicked. An emergency does both at
once. See docs/decisions/0016-signing-keys.md and docs/operations.md.
"""

import asyncio
import logging
import secrets
from datetime import datetime, timedelta

from sqlalchemy import or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.keyring import Foundation, Generation
from hub.auth.permissions import SYSTEM
from hub.auth.tokens import Claims, Tokens, UnknownKey
from hub.clock import Clock
from hub.errors import Misconfigured, Unavailable
from hub.services import audit
from hub.services.database import Sessions, is_unavailable
from models import SigningKey

REFRESH_INTERVAL_S = 5.0
LOOK_INTERVAL_S = 1.0  # between two looks for a key that nobody knows, whatever anybody sends
ROLLOUT_S = 30  # from a rotation to the first token of the new generation; also what clocks may differ by

log = logging.getLogger(__name__)

# Held to the commit, so that two rotations at once come one after the other.
_ONE_AT_A_TIME = text("LOCK TABLE signing_key IN SHARE ROW EXCLUSIVE MODE")


async def load_generations(session: AsyncSession) -> list[Generation]:
    """All of them, also those that have ended: generation zero would begin anew if its end were forgotten."""
    rows = await session.scalars(select(SigningKey).order_by(SigningKey.signs_from, SigningKey.kid))
    return [Generation(row.kid, row.algorithm, row.salt, row.signs_from, row.ends_at) for row in rows]


async def rotate(session: AsyncSession, tokens: Tokens, *, now: datetime, is_emergency: bool = False) -> Generation:
    """A new generation, and an end for all others; raises Misconfigured when a file signs."""
    foundation = tokens.foundation
    if not foundation.is_derived:
        raise Misconfigured(
            "the signing key is a file: name the new one in JWT_PRIVATE_KEY_FILE, and the old one's public key in"
            " JWT_PUBLIC_KEY_FILES until its last token is over"
        )
    await session.execute(_ONE_AT_A_TIME)
    rollout, life = timedelta(seconds=ROLLOUT_S), timedelta(seconds=tokens.ttl_s + tokens.leeway_s)
    new = foundation.generation(secrets.token_hex(16), now if is_emergency else now + rollout)
    ends_at = now if is_emergency else new.signs_from + life + rollout
    await _store_zero(session, foundation, now)
    await session.execute(
        update(SigningKey)
        .where(or_(SigningKey.ends_at.is_(None), SigningKey.ends_at > ends_at))
        .values(ends_at=ends_at)
    )
    await session.execute(insert(SigningKey).values(_row(new, now)))
    await audit.note(
        session,
        by=SYSTEM,
        now=now,
        action="signing_key.replaced" if is_emergency else "signing_key.rotated",
        object_kind="signing_key",
        after={"kid": new.kid},
    )
    return new


async def _store_zero(session: AsyncSession, foundation: Foundation, now: datetime) -> None:
    """Give generation zero, which signs without a row, the row in which its end is written."""
    await session.execute(insert(SigningKey).values(_row(foundation.zero(), now)).on_conflict_do_nothing())


def _row(generation: Generation, now: datetime) -> dict[str, object]:
    return {
        "kid": generation.kid,
        "algorithm": generation.algorithm,
        "salt": generation.salt,
        "signs_from": generation.signs_from,
        "ends_at": generation.ends_at,
        "created_at": now,
    }


class SigningKeys:
    """Keeps the tokens of this process at the generations that the database has."""

    def __init__(self, sessions: Sessions, tokens: Tokens, clock: Clock) -> None:
        self._sessions = sessions
        self._tokens = tokens
        self._clock = clock
        self._adopted: list[Generation] | None = None  # not read yet
        self._looking: asyncio.Task[None] | None = None
        self._looked_at: float | None = None  # monotonic seconds

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await asyncio.shield(self._look())
                await asyncio.sleep(REFRESH_INTERVAL_S)
        finally:
            if self._looking is not None:
                self._looking.cancel()
                await asyncio.gather(self._looking, return_exceptions=True)

    async def refresh(self) -> None:
        """Read once; without a database everything stays as it is."""
        self._looked_at = self._clock.monotonic()
        try:
            async with self._sessions() as session:
                found = await load_generations(session)
        except Exception as error:
            if not is_unavailable(error):
                log.exception("signing keys could not be read")
            return
        if found != self._adopted:
            self._tokens.adopt(found)
            self._adopted = found
            strange = [one.kid for one in found if not self._tokens.foundation.is_own(one)]
            if strange:
                log.warning("signing keys of another HUB_SECRET_KEY are left out: %s", ", ".join(strange))

    async def verify(self, token: str) -> Claims:
        """As `Tokens.verify`; for a key that was never heard of the database is asked, once a second at most.

        Raises Unavailable as long as nobody could be asked which keys have ended.
        """
        if self._adopted is None:
            await self._looked()
        if self._adopted is None:
            raise Unavailable
        try:
            return self._tokens.verify(token, self._clock.now())
        except UnknownKey:
            if not await self._looked():
                raise
        return self._tokens.verify(token, self._clock.now())

    async def _looked(self) -> bool:
        """False when it was looked a moment ago. Whoever comes while a look is under way shares it."""
        since = self._looked_at
        if self._looking is None and since is not None and self._clock.monotonic() - since < LOOK_INTERVAL_S:
            return False
        await asyncio.shield(self._look())
        return True

    def _look(self) -> asyncio.Task[None]:
        if self._looking is None:
            self._looking = asyncio.create_task(self.refresh(), name="a look at signing keys")
            self._looking.add_done_callback(self._done_looking)
        return self._looking

    def _done_looking(self, _: asyncio.Task[None]) -> None:
        self._looking = None
