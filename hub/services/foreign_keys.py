"""Other issuers whose tokens are accepted: who they are, and their keys as this process knows them.

A key that is known is never waited for: keys older than `FRESH_S` are used while newer ones are fetched. A key that is
not known makes one fetch in `RETRY_S` at most, whatever anybody sends; meanwhile its tokens are refused at once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from hub.auth.jwks import ForeignClaims, Trust, claimed_issuer, claimed_kid, read_jwks, verify_foreign
from hub.auth.keyring import Key
from hub.clock import Clock
from hub.errors import Unauthenticated, Unavailable
from hub.safe_fetch import FetchError, Rules, SafeFetch, check_url
from hub.settings import Settings

FRESH_S = 600.0
RETRY_S = 30.0
BELIEVED_S = 86_400.0  # without any answer of the issuer
FILE_LIMIT_BYTES = 262_144

log = logging.getLogger(__name__)

Read = Callable[[], Awaitable[bytes]]


class Issuer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the file (docs/operations.md#other-issuers)."""

    issuer: str
    audience: str
    algorithms: list[Literal["RS256", "EdDSA", "ES256"]]
    jwks_url: str | None = None
    jwks_file: str | None = None
    is_verified: bool = False


def issuers_of(settings: Settings) -> list[Issuer]:
    """Those of the settings; raises ValueError, in one line for people, for a file that cannot be used."""
    path = settings.jwt_foreign_issuers_file
    if path is None:
        return []
    try:
        found = msgspec.json.decode(path.read_bytes(), type=list[Issuer])
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"{path} is not right: {error}") from None
    taken = {settings.jwt_issuer, settings.hub_client_token_issuer}
    for one in found:
        problem = _problem(one, Rules.of(settings))
        if one.issuer in taken:
            problem = "it is the name of another issuer of this hub"
        if problem:
            raise ValueError(f"{path} is not right: {one.issuer or 'issuer'}: {problem}")
        taken.add(one.issuer)
    return found


class ForeignIssuers:
    """Verifies tokens of all that are configured."""

    def __init__(self, issuers: Sequence[Issuer], fetch: SafeFetch, clock: Clock, *, leeway_s: int = 0) -> None:
        self._clock = clock
        self._leeway_s = leeway_s
        self._issuers: Mapping[str, tuple[Trust, KeySet]] = {
            one.issuer: (
                Trust(one.issuer, one.audience, frozenset(one.algorithms), one.is_verified),
                KeySet(one.issuer, frozenset(one.algorithms), _reader(one, fetch), clock),
            )
            for one in issuers
        }

    def concerns(self, token: str) -> bool:
        """Whether `token` claims to be of one of them."""
        return bool(self._issuers) and claimed_issuer(token) in self._issuers

    async def verify(self, token: str) -> ForeignClaims:
        """The claims of a valid token; raises TokenExpired, Unauthenticated, and Unavailable without any keys."""
        trust, keys = self._issuers[claimed_issuer(token) or ""]
        key = await keys.get(claimed_kid(token))
        return verify_foreign(token, key, trust, self._clock.now(), leeway_s=self._leeway_s)

    async def close(self) -> None:
        for _, keys in self._issuers.values():
            await keys.close()


class KeySet:
    """The keys of one issuer."""

    def __init__(self, issuer: str, algorithms: frozenset[str], read: Read, clock: Clock) -> None:
        self._issuer = issuer
        self._algorithms = algorithms
        self._read = read
        self._clock = clock
        self._keys: Mapping[str, Key] = {}
        self._read_at: float | None = None  # monotonic seconds, as the next
        self._tried_at: float | None = None
        self._reading: asyncio.Task[None] | None = None

    async def get(self, kid: str) -> Key:
        """The key `kid`; raises Unauthenticated when the issuer has none, Unavailable when nobody knows."""
        age_s = self._age_s(self._read_at)
        key = self._keys.get(kid) if age_s is not None and age_s < BELIEVED_S else None
        if key is not None:
            if age_s is not None and age_s >= FRESH_S:
                self._begin()
            return key
        reading = self._begin()
        if reading is not None:
            await asyncio.shield(reading)
        age_s = self._age_s(self._read_at)
        if age_s is None or age_s >= BELIEVED_S:
            raise Unavailable("The keys of this token's issuer cannot be had at the moment.")
        if kid not in self._keys:
            raise Unauthenticated
        return self._keys[kid]

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    def _begin(self) -> asyncio.Task[None] | None:
        """The reading under way, or a new one if the last is long enough ago."""
        if self._reading is None:
            since_s = self._age_s(self._tried_at)
            if since_s is not None and since_s < RETRY_S:
                return None
            self._tried_at = self._clock.monotonic()
            self._reading = asyncio.create_task(self._refresh(), name="jwks")
            self._reading.add_done_callback(self._done)
        return self._reading

    async def _refresh(self) -> None:
        try:
            keys = read_jwks(await self._read(), self._algorithms)
        except (FetchError, ValueError, OSError) as error:
            log.warning("the keys of %s could not be read: %s", self._issuer, error)
            return
        if not keys:
            log.warning("the keys of %s are none that can be used", self._issuer)
        self._keys, self._read_at = keys, self._clock.monotonic()

    def _done(self, _: asyncio.Task[None]) -> None:
        self._reading = None

    def _age_s(self, then: float | None) -> float | None:
        return None if then is None else self._clock.monotonic() - then


def _problem(one: Issuer, rules: Rules) -> str | None:
    if not 0 < len(one.issuer) <= 255 or not one.audience or not one.algorithms:
        return "issuer (at most 255 characters), audience and algorithms are needed"
    if (one.jwks_url is None) is (one.jwks_file is None):
        return "either jwks_url or jwks_file is needed"
    if one.jwks_url is not None:
        try:
            check_url(one.jwks_url, rules)
        except FetchError as error:
            return f"jwks_url {error}"
    return None


def _reader(one: Issuer, fetch: SafeFetch) -> Read:
    if one.jwks_file is not None:
        path = Path(one.jwks_file)
        return lambda: asyncio.to_thread(_read_file, path)
    url = one.jwks_url or ""

    async def read() -> bytes:
        answer = await fetch.get(url, {"Accept": "application/json"})
        if answer.status != 200:
            raise FetchError(f"status {answer.status}")
        return answer.body

    return read


def _read_file(path: Path) -> bytes:
    with path.open("rb") as file:
        raw = file.read(FILE_LIMIT_BYTES + 1)
    if len(raw) > FILE_LIMIT_BYTES:
        raise ValueError(f"{path} is larger than {FILE_LIMIT_BYTES} bytes")
    return raw
