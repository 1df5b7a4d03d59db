"""How often somebody may ask: limits by account, key and address, counted for all nodes together in Redis.

`request.state.limiter` is the `Limiter` of the node; `POLICIES` names every limit there is. Each hit is counted in this
process first and then in Redis (library `limits`). When Redis does not answer within 50 ms, what this process has
counted decides alone: a limit can then be passed once per process, and no request fails or waits (decision 0018).
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import Any, TypeVar

import structlog
from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter

from hub.api.local_counts import LocalCounts, Policy, Standing
from hub.auth.addresses import counted_as
from hub.engine.redis_client import Client, make_client
from hub.errors import TooMany
from hub.settings import Settings

T = TypeVar("T")

PATIENCE_S = 0.05
AWAY_S = 1.0  # for so long nobody waits for a Redis that did not answer
_MINUTE_S, _QUARTER_S, _HOUR_S = 60, 15 * 60, 60 * 60

_log = structlog.get_logger(__name__)


def policies_of(settings: Settings) -> Mapping[str, Policy]:
    """Every limit by its name. The part behind the point says what a key of it is."""
    found = (
        # Traffic: the REST API by who asks, else by address; pages, feeds and streams by address.
        Policy("read.account", settings.hub_reads_per_account_per_minute, _MINUTE_S),
        Policy("read.address", settings.hub_reads_per_address_per_minute, _MINUTE_S),
        Policy("write.account", settings.hub_writes_per_account_per_minute, _MINUTE_S),
        Policy("write.address", settings.hub_writes_per_address_per_minute, _MINUTE_S),
        Policy("page.address", settings.hub_pages_per_address_per_minute, _MINUTE_S),
        Policy("emulation.address", settings.hub_emulations_per_address_per_minute, _MINUTE_S),
        # Guessing. `login.account`: an account's e-mail and an address, so that nobody can lock an owner out.
        Policy("login.account", settings.hub_login_tries_per_account_per_15_min, _QUARTER_S, is_exact=True),
        Policy("login.address", settings.hub_login_tries_per_address_per_15_min, _QUARTER_S, is_exact=True),
        Policy("login.everywhere", 10 * settings.hub_login_tries_per_account_per_15_min, _QUARTER_S, is_exact=True),
        Policy("password.account", settings.hub_login_tries_per_account_per_15_min, _QUARTER_S, is_exact=True),
        Policy("token.address", 60, _QUARTER_S, is_exact=True),  # mailed links that are not good
        # What makes rows or mails for strangers.
        Policy("register.address", settings.hub_registrations_per_address_per_hour, _HOUR_S, is_exact=True),
        Policy("letter.recipient", settings.hub_letters_per_recipient_per_hour, _HOUR_S, is_exact=True),
        Policy("letter.address", 4 * settings.hub_letters_per_recipient_per_hour, _HOUR_S, is_exact=True),
        # Invitations that are mailed; links that nobody is written harm nobody.
        Policy("invite.account", 100, _HOUR_S, is_exact=True),
        Policy("invite.recipient", 4 * settings.hub_letters_per_recipient_per_hour, _HOUR_S, is_exact=True),
    )
    return {policy.name: policy for policy in found}


class Limiter:
    """Counts hits; keys may be anything that identifies somebody, and are stored as a digest only."""

    def __init__(
        self,
        policies: Mapping[str, Policy],
        redis_url: str,
        *,
        now_s: Callable[[], float] = time.time,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Raises ValueError for a Redis address that cannot be used."""
        self._policies = policies
        self._local = LocalCounts(now_s)
        self._shared = _SharedCounts(redis_url, now_s, patience_s)

    async def hit(self, name: str, key: str) -> Standing:
        """Count one hit and say where the key stands; raises TooMany, with `Retry-After`, when it is one too many."""
        policy, key = self._policies[name], stored_key(name, key)
        if not policy.amount:
            return _unlimited(policy)
        standing = self._local.hit(policy, key)
        if standing.is_over:
            raise too_many(standing)
        shared = await self._shared.hit(policy, key)
        if shared is None:
            return standing
        if shared.is_over:
            self._local.take_back(policy, key)
            raise too_many(shared)
        return min(standing, shared, key=lambda either: either.remaining)

    async def test(self, name: str, key: str) -> Standing:
        """Where the key stands, counting nothing; raises TooMany when a hit would be one too many."""
        policy, key = self._policies[name], stored_key(name, key)
        if not policy.amount:
            return _unlimited(policy)
        standing = self._local.standing(policy, key)
        if not standing.is_over:
            standing = await self._shared.standing(policy, key) or standing
        if standing.is_over:
            raise too_many(standing)
        return standing

    async def remaining(self, name: str, key: str) -> int:
        """How many hits more the key may have now."""
        try:
            return (await self.test(name, key)).remaining
        except TooMany:
            return 0

    async def forget(self, name: str, key: str) -> None:
        """Begin anew: whoever proved the password did not guess it. What other processes have counted themselves
        goes on to count there.
        """
        policy, key = self._policies[name], stored_key(name, key)
        self._local.forget(policy, key)
        await self._shared.forget(policy, key)

    async def close(self) -> None:
        await self._shared.close()


class _SharedCounts:
    """The counts in Redis. Every answer may be None: it did not come in time, and the next second nobody asks."""

    def __init__(self, redis_url: str, now_s: Callable[[], float], patience_s: float) -> None:
        # A client of its own: its time-outs are this short, and nobody else waits behind its connections.
        self._redis = make_client(redis_url, timeout_s=patience_s)
        self._storage = _OurRedis(self._redis)
        self._moving = MovingWindowRateLimiter(self._storage)
        self._now_s = now_s
        self._patience_s = patience_s
        self._is_away = False
        self._away_until = 0.0
        self._running: set[asyncio.Future[Any]] = set()
        self._adding: dict[str, list[asyncio.Future[int]]] = {}  # hits that wait for those before them to be told

    async def hit(self, policy: Policy, key: str) -> Standing | None:
        if policy.is_exact:
            return await self._ask(lambda: self._hit_exact(policy, key))
        return await self._ask(lambda: self._count(policy, key, 1))

    async def standing(self, policy: Policy, key: str) -> Standing | None:
        if policy.is_exact:
            return await self._ask(lambda: self._standing_exact(policy, key))
        return await self._ask(lambda: self._count(policy, key, 0))

    async def forget(self, policy: Policy, key: str) -> None:
        number, _ = policy.window_at(key, self._now_s())
        name = _item(policy).key_for(key) if policy.is_exact else f"{policy.name}/{key}/{number}"
        await self._ask(lambda: self._storage.clear(name))

    async def close(self) -> None:
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._redis.aclose()

    async def _hit_exact(self, policy: Policy, key: str) -> Standing:
        is_fine = await self._moving.hit(_item(policy), key)
        standing = await self._standing_exact(policy, key)
        return Standing(policy, standing.remaining, standing.reset_s, is_over=not is_fine)

    async def _standing_exact(self, policy: Policy, key: str) -> Standing:
        reset_at_s, remaining = await self._moving.get_window_stats(_item(policy), key)
        return Standing(policy, remaining, max(reset_at_s - time.time(), 0.0), is_over=remaining <= 0)

    async def _count(self, policy: Policy, key: str, hits: int) -> Standing:
        number, reset_s = policy.window_at(key, self._now_s())
        name = f"{policy.name}/{key}/{number}"
        count = await (self._add(name, policy.window_s) if hits else self._storage.get(name))
        return Standing(policy, max(policy.amount - count, 0), reset_s, is_over=count + 1 - hits > policy.amount)

    async def _add(self, name: str, window_s: int) -> int:
        """Count one hit; the number it is. Those of one name that come while Redis is asked are told together next."""
        mine: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if name in self._adding:
            self._adding[name].append(mine)
            return await mine
        self._adding[name] = [mine]
        while waiting := self._adding[name]:
            self._adding[name] = []
            try:
                total = await self._storage.incr(name, window_s, len(waiting))
            except Exception as error:  # noqa: BLE001  it is everybody's who counted
                for one in waiting:
                    if not one.done():
                        one.set_exception(error)
                continue
            for number, one in enumerate(waiting, start=total - len(waiting) + 1):
                if not one.done():
                    one.set_result(number)
        del self._adding[name]
        return await mine

    async def _ask(self, question: Callable[[], Awaitable[T]]) -> T | None:
        now_s = time.monotonic()
        if now_s < self._away_until:
            return None
        if self._is_away:
            self._away_until = now_s + AWAY_S  # one request finds out whether it is back, the others need not wait
        # A command that is cancelled leaves its answer behind for the next one: it is left to end by itself instead.
        asking = asyncio.ensure_future(question())
        self._running.add(asking)
        asking.add_done_callback(self._forget_task)
        await asyncio.wait({asking}, timeout=self._patience_s)
        if not asking.done() or asking.exception() is not None:
            if not self._is_away:
                reason = repr(asking.exception()) if asking.done() else "no answer in time"
                _log.warning("Redis is away: limits count for this process alone", reason=reason)
            self._is_away, self._away_until = True, time.monotonic() + AWAY_S
            return None
        if self._is_away:
            _log.info("Redis is back: limits count for all nodes")
            self._is_away, self._away_until = False, 0.0
        return asking.result()

    def _forget_task(self, task: asyncio.Future[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # nobody else may ask, and the loop would complain


class _OurRedis(RedisStorage):
    """The library's storage on a client that knows all our forms of addresses: one server, Sentinels, Cluster."""

    STORAGE_SCHEME = []  # noqa: RUF012  made by us alone, never found by its address

    def __init__(self, client: Client) -> None:
        self._client = client
        super().__init__("redis://", implementation="redispy", key_prefix="hub:limit")

    def configure_bridge(self) -> None:
        self.bridge.storage = self._client  # type: ignore[attr-defined]
        self.bridge.connection_getter = lambda _: self._client  # type: ignore[attr-defined]


def too_many(standing: Standing) -> TooMany:
    """The refusal, which says when to come again."""
    wait_s = max(math.ceil(standing.reset_s), 1)
    return TooMany(
        f"Too many requests; try again in {wait_s} s.",
        headers={"Retry-After": str(wait_s), **headers_of(standing)},
    )


def headers_of(standing: Standing) -> dict[str, str]:
    """`RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10); none where there is no limit."""
    policy = standing.policy
    if not policy.amount:
        return {}
    remaining = 0 if standing.is_over else standing.remaining
    return {
        "RateLimit-Policy": f'"{policy.name}";q={policy.amount};w={policy.window_s}',
        "RateLimit": f'"{policy.name}";r={remaining};t={math.ceil(standing.reset_s)}',
    }


def _unlimited(policy: Policy) -> Standing:
    return Standing(policy, remaining=2**31, reset_s=0.0)


def _item(policy: Policy) -> RateLimitItemPerSecond:
    return RateLimitItemPerSecond(policy.amount, policy.window_s, policy.name)


def stored_key(name: str, key: str) -> str:
    """Keys name people and addresses; Redis needs to know neither."""
    if name.endswith(".address"):
        key = counted_as(key)
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
