"""The histories of custom channels, in Redis: each publication is one atomic step of a script.

Two keys to a channel: `top`, a hash with the epoch and the last offset, and `log`, a stream whose ids are `<offset>-0`.
The top outlives the log: a history that has run out still tells a client that it missed something. When Redis loses
its data the epoch changes, and everybody starts anew.

In a Cluster the keys lie in the slot of the channel's carrier (`key_of`), or no script could publish.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, cast

from redis.exceptions import NoScriptError

from hub.engine.broker import MAX_CARRIED_BYTES, Message, Top, carrier_of, encode_message
from hub.engine.envelope import pack, unpack
from hub.engine.options import ChannelOptions
from hub.engine.redis_client import Client
from hub.ids import new_epoch
from hub.protocol.stream import ClientInfo, Publication, StreamPosition

TOP_TTL_MS = 30 * 86_400_000
UNUSED_TOP_TTL_MS = 3_600_000
"""Of a channel that somebody asked for and nobody has published in: clients can make up names."""
IDEMPOTENCY_TTL_MS = 300_000
CHANNELS_AT_ONCE = 200  # of one call of a script, which holds up everybody else for about a millisecond then
CALLS_AT_ONCE = 32  # in a Cluster, where one call serves one channel

log = logging.getLogger(__name__)

# KEYS top, log, idempotency; ARGV epoch, top ttl, idempotency ttl (0: no key), size, log ttl, time, payload,
# command, pub/sub channel, head of the message, tail of the message. An epoch that is not there yet is the caller's.
_PUBLISH = """
if ARGV[3] ~= '0' then
  local known = redis.call('GET', KEYS[3])
  if known then
    local epoch, offset = string.match(known, '^(%S+) (%d+)$')
    return {epoch, tonumber(offset)}
  end
end
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then
  epoch = ARGV[1]
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'offset', 0)
  redis.call('DEL', KEYS[2])
end
local offset = redis.call('HINCRBY', KEYS[1], 'offset', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[4], offset .. '-0', 't', ARGV[6], 'p', ARGV[7])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
redis.call(ARGV[8], ARGV[9], ARGV[10] .. epoch .. ' ' .. offset .. ARGV[11])
if ARGV[3] ~= '0' then
  redis.call('SET', KEYS[3], epoch .. ' ' .. offset, 'PX', ARGV[3])
end
return {epoch, offset}
"""

# KEYS idempotency; ARGV idempotency ttl, command, pub/sub channel, message.
_ONCE = """
if redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then
  redis.call(ARGV[2], ARGV[3], ARGV[4])
end
"""

# KEYS top and log of each channel; ARGV epoch, top ttl, top ttl of a channel that is not used. Asked every few seconds
# by every node, so it writes only when it has to.
_TOPS = """
local tops = {}
for n = 1, #KEYS, 2 do
  local top, log = KEYS[n], KEYS[n + 1]
  local epoch = redis.call('HGET', top, 'epoch')
  if not epoch then
    epoch = ARGV[1]
    redis.call('HSET', top, 'epoch', epoch, 'offset', 0)
    redis.call('DEL', log)
  end
  local offset = tonumber(redis.call('HGET', top, 'offset'))
  local ttl = offset == 0 and tonumber(ARGV[3]) or tonumber(ARGV[2])
  if redis.call('PTTL', top) < ttl / 2 then
    redis.call('PEXPIRE', top, ttl)
  end
  local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)
  local floor = first[1] and tonumber(string.match(first[1][1], '^%d+')) - 1 or offset
  tops[#tops + 1] = {epoch, offset, floor}
end
return tops
"""


class RedisStreams:
    """Implements `hub.engine.broker.Log` for custom channels, and publishes into them. `is_sharded`: on a Cluster."""

    def __init__(self, client: Client, *, is_sharded: bool) -> None:
        self._client = client
        self._is_sharded = is_sharded
        self._publish_command = "SPUBLISH" if is_sharded else "PUBLISH"
        self._hashes: dict[str, str] = {}

    async def tops(self, channels: Sequence[str]) -> Mapping[str, Top]:
        """A channel that was never heard of begins here."""
        size = 1 if self._is_sharded else CHANNELS_AT_ONCE
        parts = [channels[n : n + size] for n in range(0, len(channels), size)]
        slots = asyncio.Semaphore(CALLS_AT_ONCE)

        async def ask(part: Sequence[str]) -> list[tuple[str, Top]]:
            keys = [key_of(channel, kind) for channel in part for kind in ("top", "log")]
            async with slots:
                rows = await self._run(_TOPS, keys, new_epoch(), TOP_TTL_MS, UNUSED_TOP_TTL_MS)
            tops = (Top(epoch.decode(), head, floor) for epoch, head, floor in rows)
            return list(zip(part, tops, strict=True))

        answers = await asyncio.gather(*map(ask, parts))
        return {channel: top for answer in answers for channel, top in answer}

    async def read_after(self, channel: str, after: int, limit: int) -> list[Publication]:
        entries = await _answer(self._client.xrange(key_of(channel, "log"), min=f"{after + 1}-0", count=limit))
        return [_publication(channel, int(entry_id.partition(b"-")[0]), fields) for entry_id, fields in entries]

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
            (key_of(channel, "top"), key_of(channel, "log"), key_of(channel, f"once:{idempotency_key}")),
            new_epoch(),
            TOP_TTL_MS,
            IDEMPOTENCY_TTL_MS if idempotency_key else 0,
            options.history_size,
            max(1, round(options.history_ttl_s * 1000)),
            time_ms,
            payload,
            self._publish_command,
            carrier_of(channel),
            f"1 {channel} ",
            tail,
        )
        return StreamPosition(epoch.decode(), int(offset))

    async def pass_on(self, message: Message, idempotency_key: str) -> None:
        """A publication of a channel without history, unless the key was used lately."""
        channel = message.channel
        await self._run(
            _ONCE,
            (key_of(channel, f"once:{idempotency_key}"),),
            IDEMPOTENCY_TTL_MS,
            self._publish_command,
            carrier_of(channel),
            encode_message(message),
        )

    async def remove(self, channel: str) -> None:
        """Forget the publications; offsets go on."""
        await _answer(self._client.delete(key_of(channel, "log")))

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


def _publication(channel: str, offset: int, fields: Mapping[bytes, bytes]) -> Publication:
    """What cannot be read, because something else than this hub has written it, is null: the next ones go on."""
    time_ms = int(fields[b"t"])
    try:
        return unpack(fields[b"p"], offset=offset, time_ms=time_ms)
    except ValueError as error:
        log.warning("unreadable publication %d of %s: %s", offset, channel, error)
        return Publication(offset, b"null", time_ms)


def key_of(channel: str, kind: str) -> str:
    """A key in the slot of the channel's carrier."""
    return f"hub:{{{carrier_of(channel)}}}:{kind}"


def _sha1(script: str) -> str:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


async def _answer(answer: object) -> Any:
    """redis-py types its commands for clients with and without a loop at once."""
    return await cast("Awaitable[Any]", answer)
