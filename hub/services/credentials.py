"""What a request or connection shows, turned into whom it speaks for: one door for tokens of the hub, tokens of other
issuers, and keys of machines.

First the proof (`prove`: is it genuine?), then the person (`know`: what is he worth at this moment?). A proof can be
kept and asked about again.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from hub.auth.client_tokens import is_access_token
from hub.auth.jwks import ForeignClaims
from hub.auth.machine_keys import hash_of, is_key
from hub.auth.permissions import Principal
from hub.auth.tokens import Claims, Tokens
from hub.clock import Clock
from hub.errors import Unauthenticated
from hub.safe_fetch import SafeFetch
from hub.services.database import Sessions
from hub.services.foreign_keys import ForeignIssuers, Issuer
from hub.services.last_uses import LastUses
from hub.services.machine_keys import load_open_keys
from hub.services.principals import load_foreign_principals, load_principals
from hub.services.signing_keys import SigningKeys


@dataclass(frozen=True, slots=True)
class KeyProof:
    """The hash of something that looks like a machine's key."""

    key_hash: str


Proof = Claims | ForeignClaims | KeyProof


@dataclass(frozen=True, slots=True)
class Known:
    """`ends_at`: of the proof; None when it lasts."""

    principal: Principal
    ends_at: datetime | None


class Credentials:
    """`run` keeps it up to date; `issuers`: the others whose tokens are accepted."""

    def __init__(
        self, sessions: Sessions, tokens: Tokens, issuers: Sequence[Issuer], fetch: SafeFetch, clock: Clock
    ) -> None:
        self._sessions = sessions
        self._clock = clock
        self.signing_keys = SigningKeys(sessions, tokens, clock)
        self.uses = LastUses(sessions, clock)
        self._foreign = ForeignIssuers(issuers, fetch, clock, leeway_s=tokens.leeway_s)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:  # waits for both at the end: the last uses are written down then
                group.create_task(self.signing_keys.run())
                group.create_task(self.uses.run())
        finally:
            await self._foreign.close()

    def concerns(self, text: str) -> bool:
        """Whether `text` claims to open an account or a key of this hub, and is no token of another application."""
        return is_key(text) or self._foreign.concerns(text) or is_access_token(text)

    async def prove(self, text: str) -> Proof:
        """What was sent in a header or a `connect` command.

        Raises TokenExpired or Unauthenticated, and Unavailable while nobody can be asked for the keys.
        """
        if is_key(text):
            key_hash = hash_of(text)
            if key_hash is None:
                raise Unauthenticated
            return KeyProof(key_hash)
        if self._foreign.concerns(text):
            return await self._foreign.verify(text)
        return await self.prove_cookie(text)

    async def prove_cookie(self, token: str) -> Claims:
        """A browser's cookie holds an access token of the hub and nothing else; raises as `prove`."""
        return await self.signing_keys.verify(token)

    async def principal(self, proof: Proof) -> Principal:
        """Raises Unauthenticated when the proof is worth nothing any more."""
        known = await self.know([proof])
        if proof not in known:
            raise Unauthenticated("This sign-in or key is not valid any more.")
        return replace(known[proof].principal, ends_at=known[proof].ends_at)

    async def know(self, proofs: Collection[Proof]) -> dict[Proof, Known]:
        """Those of the proofs that are worth something now, a query for each kind."""
        found: dict[Proof, Known] = {}
        own = [proof for proof in proofs if isinstance(proof, Claims)]
        foreign = [proof for proof in proofs if isinstance(proof, ForeignClaims)]
        keys = [proof for proof in proofs if isinstance(proof, KeyProof)]
        if own or keys:
            async with self._sessions() as session:
                if own:
                    principals = await load_principals(session, own)
                    found |= {proof: Known(one, proof.expires_at) for proof, one in principals.items()}
                if keys:
                    open_keys = await load_open_keys(session, [key.key_hash for key in keys], self._clock.now())
                    found |= {KeyProof(name): Known(one.principal, one.expires_at) for name, one in open_keys.items()}
        if foreign:
            accounts = await load_foreign_principals(self._sessions, foreign, self._clock.now())
            found |= {proof: Known(one, proof.expires_at) for proof, one in accounts.items()}
        for known in found.values():
            self.uses.note(known.principal)
        return found
