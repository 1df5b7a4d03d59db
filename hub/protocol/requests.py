"""What each command asks of the server, whatever state the connection is in; and what the answers look like."""

from hub.protocol import commands
from hub.protocol.codec import Codec
from hub.protocol.codes import CloseCode, ErrorCode
from hub.protocol.commands import Command
from hub.protocol.effects import (
    Call,
    Called,
    Effect,
    HistoryRead,
    Join,
    PresenceRead,
    Publish,
    Published,
    ReadHistory,
    ReadPresence,
    Renew,
    RenewSubscription,
)
from hub.protocol.stream import StreamPosition

FLAG_REJECT_UNRECOVERED = 2
MAX_CHANNEL_LENGTH = 255


def join_of(id: int, request: commands.Subscribe) -> Join | ErrorCode | CloseCode:
    """The wish to join, or how it is refused."""
    if request.delta not in ("", "fossil"):
        return CloseCode.BAD_REQUEST
    if request.tf is not None:
        return ErrorCode.BAD_REQUEST
    if request.type or request.phase:
        return ErrorCode.NOT_AVAILABLE
    return _refusal(request.channel) or Join(
        id,
        request.channel,
        request.since,
        must_recover=bool(request.flag & FLAG_REJECT_UNRECOVERED),
        token=request.token,
        wants_delta=bool(request.delta),
        wants_joins=request.join_leave,
    )


def effect_of(id: int, command: Command) -> Effect | ErrorCode | CloseCode:
    """What a command of a connected client asks for, if it is not about joining and leaving; or how it is refused."""
    match command.request:
        case commands.Refresh(token=token):
            return Renew(id, token) if token else CloseCode.BAD_REQUEST
        case commands.SubRefresh(channel=channel, token=token):
            return RenewSubscription(id, channel, token) if channel and token else CloseCode.BAD_REQUEST
        case commands.History(channel=channel, limit=limit, since=since, reverse=is_reverse):
            position = None if since is None else StreamPosition(since.epoch, since.offset)
            return _refusal(channel) or ReadHistory(id, channel, position, limit, is_reverse)
        case commands.Presence(channel=channel):
            return _refusal(channel) or ReadPresence(id, channel, is_count=False)
        case commands.PresenceStats(channel=channel):
            return _refusal(channel) or ReadPresence(id, channel, is_count=True)
        case commands.Publish(channel=channel, data=data):
            raw = bytes(data)
            return _refusal(channel) or (Publish(id, channel, raw) if raw else ErrorCode.BAD_REQUEST)
        case commands.Rpc(method=method, data=data):
            return Call(id, method, bytes(data))
    return ErrorCode.METHOD_NOT_FOUND if command.method else CloseCode.BAD_REQUEST


def message_of(codec: Codec, answer: HistoryRead | PresenceRead | Published | Called) -> bytes:
    match answer:
        case HistoryRead(id, position, publications):
            return codec.history(id, position, publications)
        case PresenceRead(id, clients, is_count=True):
            users = len({info.user for info in clients.values()})
            return codec.presence_stats(id, clients=len(clients), users=users)
        case PresenceRead(id, clients):
            return codec.presence(id, clients)
        case Published(id):
            return codec.empty(id, "publish")
        case Called(id, data):
            return codec.rpc(id, data)


def _refusal(channel: str) -> ErrorCode | CloseCode | None:
    if not channel:
        return CloseCode.BAD_REQUEST
    return ErrorCode.BAD_REQUEST if len(channel) > MAX_CHANNEL_LENGTH else None
