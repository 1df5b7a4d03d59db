"""The histories of custom channels, in Redis: each publication is one atomic step of a script.

Two keys to a channel, in one hash slot: `hub:{<channel>}:top`, a hash with the epoch and the last offset, and
`hub:{<channel>}:log`, a stream whose ids are `<offset>-0`. The top outlives the log: a history that has run out still
tells a client that it missed something. When Redis loses its data the epoch changes, and everybody starts anew.
"""

import hashlib
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, cast

from redis.exceptions import NoScriptError

from hub.engine.broker import CHANNEL_PREFIX, MAX_CARRIED_BYTES, Top
from hub.engine.envelope import pack, unpack
from hub.engine.options import ChannelOptions
from hub.engine.redis_client import Client
from hub.ids import new_epoch
from hub.protocol.stream import ClientInfo, Publication, StreamPosition

TOP_TTL_MS = 30 * 86_400_000
IDEMPOTENCY_TTL_MS = 300_000

# An epoch that is not there yet is the caller's suggestion.
_EPOCH = """
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then
  epoch = ARGV[1]
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'offset', 0)
  redis.call('DEL', KEYS[2])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""

# KEYS top, log, idempotency; ARGV epoch, top ttl, idempotency ttl (0: no key), size, log ttl, time, payload,
# command, pub/sub channel, head of the message, tail of the message.
_PUBLISH = (
    """
if ARGV[3] ~= '0' then
  local known = redis.call('GET', KEYS[3])
  if known then
    local epoch, offset = string.match(known, '^(%S+) (%d+)$')
    return {epoch, tonumber(offset)}
  end
end
"""
    + _EPOCH
    + """
local offset = redis.call('HINCRBY', KEYS[1], 'offset', 1)
redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[4], offset .. '-0', 't', ARGV[6], 'p', ARGV[7])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
redis.call(ARGV[8], ARGV[9], ARGV[10] .. epoch .. ' ' .. offset .. ARGV[11])
if ARGV[3] ~= '0' then
  redis.call('SET', KEYS[3], epoch .. ' ' .. offset, 'PX', ARGV[3])
end
return {epoch, offset}
"""
)

_TOP = (
    _EPOCH
    + """
local offset = tonumber(redis.call('HGET', KEYS[1], 'offset'))
local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)
local floor = offset
if first[1] then
  floor = tonumber(string.match(first[1][1], '^%d+')) - 1
end
return {epoch, offset, floor}
"""
)


class RedisStreams:
    """Implements `hub.engine.broker.Log` for custom channels, and publishes into them. `is_sharded`: on a Cluster."""

    def __init__(self, client: Client, *, is_sharded: bool) -> None:
        self._client = client
        self._publish_command = "SPUBLISH" if is_sharded else "PUBLISH"
        self._hashes: dict[str, str] = {}

    async def tops(self, channels: Sequence[str]) -> Mapping[str, Top]:
        """A channel that was never heard of begins here."""
        found: dict[str, Top] = {}
        for channel in channels:
            epoch, head, floor = await self._run(_TOP, _keys(channel), new_epoch(), TOP_TTL_MS)
            found[channel] = Top(epoch.decode(), head, floor)
        return found

    async def read_after(self, channel: str, after: int, limit: int) -> list[Publication]:
        entries = await _answer(self._client.xrange(_keys(channel)[1], min=f"{after + 1}-0", count=limit))
        return [
            unpack(fields[b"p"], offset=int(entry_id.partition(b"-")[0]), time_ms=int(fields[b"t"]))
            for entry_id, fields in entries
        ]

    async def publish(
        self,
        channel: str,
        data: bytes,
        options: ChannelOptions,
        *,
        time_ms: int,
        info: ClientInfo | None = None,
        tags: Mapping[str, str] | None = None,
        idempotency_key: str = "",
    ) -> StreamPosition:
        """One step: offset, history, message to the nodes. With a key that was used lately, where that one went."""
        payload = pack(data, info, tags or {})
        is_carried = len(payload) <= MAX_CARRIED_BYTES
        tail = b" 0 0 %d +\n%s" % (time_ms, payload) if is_carried else b" 0 0 %d -\n" % time_ms
        epoch, offset = await self._run(
            _PUBLISH,
            (*_keys(channel), f"hub:{{{channel}}}:once:{idempotency_key}"),
            new_epoch(),
            TOP_TTL_MS,
            IDEMPOTENCY_TTL_MS if idempotency_key else 0,
            options.history_size,
            max(1, round(options.history_ttl_s * 1000)),
            time_ms,
            payload,
            self._publish_command,
            CHANNEL_PREFIX + channel,
            f"1 {channel} ",
            tail,
        )
        return StreamPosition(epoch.decode(), int(offset))

    async def remove(self, channel: str) -> None:
        """Forget the publications; offsets go on."""
        await _answer(self._client.delete(_keys(channel)[1]))

    async def _run(self, script: str, keys: Sequence[str], *arguments: object) -> Any:
        name = self._hashes.get(script)
        if name is not None:
            try:
                return await _answer(self._client.evalsha(name, len(keys), *keys, *cast("Any", arguments)))
            except NoScriptError:  # the server, or this node of the Cluster, does not have it yet
                pass
        result = await _answer(self._client.eval(script, len(keys), *keys, *cast("Any", arguments)))
        self._hashes[script] = _sha1(script)
        return result


def _keys(channel: str) -> tuple[str, str]:
    return f"hub:{{{channel}}}:top", f"hub:{{{channel}}}:log"


def _sha1(script: str) -> str:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


async def _answer(answer: object) -> Any:
    """redis-py types its commands for clients with and without a loop at once."""
    return await cast("Awaitable[Any]", answer)
