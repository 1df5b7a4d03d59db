"""What the server API can do: one function a method, over the engine. Each returns its result or raises `Refused`."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import msgspec

from hub import __version__
from hub.api import server_requests as asked
from hub.auth.rules import ChannelRules, is_reserved
from hub.channels_file import ChannelsConfig, Namespace
from hub.clock import Clock
from hub.engine import orders
from hub.engine.census import Census
from hub.engine.live import Unrecoverable
from hub.engine.node import Node
from hub.engine.signals import Signals
from hub.errors import HubError, NotFound
from hub.protocol.codes import CloseCode, ErrorCode
from hub.protocol.json_text import one_line
from hub.protocol.override import NO_OVERRIDE
from hub.protocol.stream import ClientInfo, Publication

T = TypeVar("T")
Result = dict[str, Any]

MAX_CHANNELS = 10_000  # of one broadcast
AT_ONCE = 32  # publications of one broadcast, or commands of one batch, on their way at the same time
_MAX_REASON_BYTES = 123  # RFC 6455 §5.5: a close frame has room for no more
_CUSTOM_CODES = range(3000, 5000)


class Refused(Exception):
    """The answer is an error: its code, and words for the back end's log."""

    def __init__(self, code: ErrorCode, message: str | None = None) -> None:
        super().__init__(message or code.text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Backend:
    """What the methods act on."""

    node: Node
    channels: ChannelsConfig
    rules: ChannelRules
    clock: Clock
    signals: Signals
    census: Census

    async def members(self) -> Mapping[str, Mapping[str, int]]:
        """Node → channel → members."""
        return await self.census.read(self.clock.now().timestamp())


async def publish(backend: Backend, body: asked.Publish) -> Result:
    return await _publish(backend, body.channel, body, _json(body.data, body.b64data) or b"null")


async def broadcast(backend: Backend, body: asked.Broadcast) -> Result:
    if len(body.channels) > MAX_CHANNELS:
        raise Refused(ErrorCode.LIMIT_EXCEEDED)
    data = _json(body.data, body.b64data) or b"null"

    async def one(channel: str) -> Result:
        return await answered(_publish(backend, channel, body, data))

    return {"responses": await at_once(one, body.channels)}


async def history(backend: Backend, body: asked.History) -> Result:
    namespace = _custom(backend, body.channel)
    if not namespace.options.history_size:
        raise Refused(ErrorCode.NOT_AVAILABLE)
    since = None if body.since is None else body.since.position
    position, publications = await backend.node.history(body.channel, since, body.limit, is_reverse=body.reverse)
    return {
        "publications": [_publication(item) for item in publications],
        "epoch": position.epoch,
        "offset": position.offset,
    }


async def history_remove(backend: Backend, body: asked.OfChannel) -> Result:
    namespace = _custom(backend, body.channel)
    if not namespace.options.history_size:
        raise Refused(ErrorCode.NOT_AVAILABLE)
    await backend.node.custom.remove_history(body.channel)
    return {}


async def presence(backend: Backend, body: asked.OfChannel) -> Result:
    clients = await _present(backend, body.channel)
    return {"presence": {client: _info(info) for client, info in clients.items()}}


async def presence_stats(backend: Backend, body: asked.OfChannel) -> Result:
    clients = await _present(backend, body.channel)
    return {"num_clients": len(clients), "num_users": len({info.user for info in clients.values()})}


async def subscribe(backend: Backend, body: asked.Subscribe) -> Result:
    _custom(backend, body.channel)
    user, client = _meant(body)
    since = None if body.recover_since is None else body.recover_since.position
    await backend.signals.tell(
        orders.Subscribe(
            user=user,
            client=client,
            channel=body.channel,
            info=_json(body.info, body.b64info),
            data=_json(body.data, body.b64data),
            since=since,
            override=body.override or NO_OVERRIDE,
        )
    )
    return {}


async def unsubscribe(backend: Backend, body: asked.Unsubscribe) -> Result:
    _custom(backend, body.channel)
    user, client = _meant(body)
    await backend.signals.tell(orders.Unsubscribe(user=user, client=client, channel=body.channel))
    return {}


async def disconnect(backend: Backend, body: asked.Disconnect) -> Result:
    user, client = _meant(body)
    said = body.disconnect or asked.Goodbye(CloseCode.FORCE_DISCONNECT, CloseCode.FORCE_DISCONNECT.reason)
    if said.code not in _CUSTOM_CODES or not _is_reason(said.reason):
        raise Refused(ErrorCode.BAD_REQUEST, "disconnect: a code of 3000-4999 and a reason of plain words")
    await backend.signals.tell(
        orders.Disconnect(user=user, client=client, code=said.code, reason=said.reason, spared=tuple(body.whitelist))
    )
    return {}


async def refresh(backend: Backend, body: asked.Refresh) -> Result:
    user, client = _meant(body)
    ends_at_s = int(backend.clock.now().timestamp()) if body.expired else body.expire_at or None
    await backend.signals.tell(orders.Refresh(user=user, client=client, expires_at_s=ends_at_s))
    return {}


async def channels(backend: Backend, body: asked.Channels) -> Result:
    """Custom channels with members on any node, as of some seconds ago."""
    counts: dict[str, int] = {}
    for members in (await backend.members()).values():
        for channel, count in members.items():
            if not is_reserved(channel) and fnmatchcase(channel, body.pattern or "*"):
                counts[channel] = counts.get(channel, 0) + count
    return {"channels": {channel: {"num_clients": count} for channel, count in counts.items()}}


async def info(backend: Backend, _: asked.Info) -> Result:
    """Nodes with members, as of some seconds ago."""
    return {
        "nodes": [
            {
                "uid": node,
                "name": node,
                "version": __version__,
                "num_channels": len(members),
                "num_subs": sum(members.values()),
            }
            for node, members in (await backend.members()).items()
        ]
    }


Method = Callable[[Backend, Any], Awaitable[Result]]

METHODS: Mapping[str, tuple[type[msgspec.Struct], Method]] = {
    "publish": (asked.Publish, publish),
    "broadcast": (asked.Broadcast, broadcast),
    "history": (asked.History, history),
    "history_remove": (asked.OfChannel, history_remove),
    "presence": (asked.OfChannel, presence),
    "presence_stats": (asked.OfChannel, presence_stats),
    "subscribe": (asked.Subscribe, subscribe),
    "unsubscribe": (asked.Unsubscribe, unsubscribe),
    "disconnect": (asked.Disconnect, disconnect),
    "refresh": (asked.Refresh, refresh),
    "channels": (asked.Channels, channels),
    "info": (asked.Info, info),
}


async def answered(work: Awaitable[Result]) -> Result:
    """`{"result": …}` or `{"error": …}` of what was tried; what nobody expected is raised."""
    try:
        return {"result": await work}
    except Refused as refused:
        return error_of(refused.code, str(refused))
    except Unrecoverable:
        return error_of(ErrorCode.UNRECOVERABLE_POSITION)
    except NotFound:
        return error_of(ErrorCode.UNKNOWN_CHANNEL)
    except HubError as error:
        if error.may_retry:  # Redis is away, or this node leaves
            return error_of(ErrorCode.INTERNAL)
        return error_of(ErrorCode.BAD_REQUEST, error.message)


def error_of(code: ErrorCode, message: str | None = None) -> Result:
    return {"error": {"code": code.value, "message": message or code.text}}


async def at_once(work: Callable[[T], Awaitable[Result]], items: Sequence[T]) -> list[Result]:
    """The answers for all items, in their order, some at the same time."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> Result:
        async with slots:
            return await work(item)

    return await asyncio.gather(*map(one, items))


async def _publish(backend: Backend, channel: str, body: asked.Payload, data: bytes) -> Result:
    namespace = _custom(backend, channel)
    if body.skip_history and namespace.options.history_size:
        raise Refused(ErrorCode.NOT_AVAILABLE, "not available: what is published here is part of the history")
    position = await backend.node.custom.publish(channel, data, tags=body.tags, idempotency_key=body.idempotency_key)
    return {"offset": position.offset, "epoch": position.epoch} if position.offset else {}


async def _present(backend: Backend, channel: str) -> Mapping[str, ClientInfo]:
    if not _custom(backend, channel).options.has_presence:
        raise Refused(ErrorCode.NOT_AVAILABLE)
    return await backend.node.custom.presence(channel)


def _custom(backend: Backend, channel: str) -> Namespace:
    """The namespace of a custom channel; raises Refused for all other names."""
    refusal = backend.rules.give(channel)
    if refusal is not None:
        is_page = refusal is ErrorCode.PERMISSION_DENIED
        raise Refused(refusal, "permission denied: pages change by the REST API of the hub" if is_page else None)
    namespace = backend.channels.namespace(channel)
    assert namespace is not None
    return namespace


def _meant(body: asked.Connections) -> tuple[str, str]:
    """The user and client that are named; raises Refused unless that is one user's connections."""
    if body.session:  # to act on more connections than was meant would be worse
        raise Refused(ErrorCode.BAD_REQUEST, "a connection is named by its client id, not by its session")
    if not body.user and not body.client:
        raise Refused(ErrorCode.BAD_REQUEST, "user must not be empty")
    return body.user, body.client


def _json(raw: msgspec.Raw, encoded: str) -> bytes | None:
    """One line of JSON text, in whichever of the two forms it was given; None for nothing."""
    try:
        text = base64.b64decode(encoded, validate=True) if encoded else bytes(raw)
        return one_line(text) if text else None
    except ValueError:
        raise Refused(ErrorCode.BAD_REQUEST, "what is carried must be JSON, in base64 too") from None


def _is_reason(text: str) -> bool:
    """Fit for a close frame; some clients take a reason that parses as JSON apart."""
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return len(text.encode()) <= _MAX_REASON_BYTES
    return False


def _publication(item: Publication) -> Result:
    answer: Result = {"data": msgspec.Raw(item.data), "offset": item.offset}
    if item.info is not None:
        answer["info"] = _info(item.info)
    if item.tags:
        answer["tags"] = item.tags
    return answer


def _info(who: ClientInfo) -> Result:
    answer: Result = {"client": who.client, "user": who.user}
    if who.conn_info is not None:
        answer["conn_info"] = msgspec.Raw(who.conn_info)
    if who.chan_info is not None:
        answer["chan_info"] = msgspec.Raw(who.chan_info)
    return answer
