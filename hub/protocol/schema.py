"""The messages of the binary encoding: names and field numbers as clients know them, made into classes at import.

Only what the hub reads or writes is here. Readers skip other fields, and so does the hub.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# Message → field → (number, type). A type in brackets repeats, one in braces is a map with text keys.
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    # From clients
    "Command": {
        "id": (1, "uint32"),
        "connect": (4, "Connect"),
        "subscribe": (5, "Subscribe"),
        "unsubscribe": (6, "Unsubscribe"),
        "publish": (7, "Publish"),
        "presence": (8, "Presence"),
        "presence_stats": (9, "PresenceStats"),
        "history": (10, "History"),
        "ping": (11, "Ping"),
        "send": (12, "Send"),
        "rpc": (13, "Rpc"),
        "refresh": (14, "Refresh"),
        "sub_refresh": (15, "SubRefresh"),
    },
    "Connect": {
        "token": (1, "string"),
        "data": (2, "bytes"),
        "subs": (3, "{Subscribe}"),
        "name": (4, "string"),
        "version": (5, "string"),
    },
    "Subscribe": {
        "channel": (1, "string"),
        "token": (2, "string"),
        "recover": (3, "bool"),
        "epoch": (6, "string"),
        "offset": (7, "uint64"),
        "data": (8, "bytes"),
        "join_leave": (11, "bool"),
        "delta": (12, "string"),
        "tf": (13, "Filter"),
        "flag": (14, "int64"),
    },
    "Filter": {},
    "Unsubscribe": {"channel": (1, "string")},
    "Publish": {"channel": (1, "string"), "data": (2, "bytes")},
    "Presence": {"channel": (1, "string")},
    "PresenceStats": {"channel": (1, "string")},
    "History": {"channel": (1, "string"), "limit": (7, "int32"), "since": (8, "Since"), "reverse": (9, "bool")},
    "Since": {"offset": (1, "uint64"), "epoch": (2, "string")},
    "Ping": {},
    "Send": {},
    "Rpc": {"data": (1, "bytes"), "method": (2, "string")},
    "Refresh": {"token": (1, "string")},
    "SubRefresh": {"channel": (1, "string"), "token": (2, "string")},
    "EmulationRequest": {"node": (1, "string"), "session": (2, "string"), "data": (3, "bytes")},
    # To clients
    "Reply": {
        "id": (1, "uint32"),
        "error": (2, "Error"),
        "push": (4, "Push"),
        "connect": (5, "ConnectResult"),
        "subscribe": (6, "SubscribeResult"),
        "unsubscribe": (7, "Empty"),
        "publish": (8, "Empty"),
        "presence": (9, "PresenceResult"),
        "presence_stats": (10, "PresenceStatsResult"),
        "history": (11, "HistoryResult"),
        "ping": (12, "Empty"),
        "rpc": (13, "RpcResult"),
        "refresh": (14, "RefreshResult"),
        "sub_refresh": (15, "SubRefreshResult"),
    },
    "Error": {"code": (1, "uint32"), "message": (2, "string"), "temporary": (3, "bool")},
    "Empty": {},
    "ConnectResult": {
        "client": (1, "string"),
        "version": (2, "string"),
        "expires": (3, "bool"),
        "ttl": (4, "uint32"),
        "data": (5, "bytes"),
        "subs": (6, "{SubscribeResult}"),
        "ping": (7, "uint32"),
        "pong": (8, "bool"),
        "session": (9, "string"),
        "node": (10, "string"),
        "time": (11, "int64"),
    },
    "SubscribeResult": {
        "expires": (1, "bool"),
        "ttl": (2, "uint32"),
        "recoverable": (3, "bool"),
        "epoch": (6, "string"),
        "publications": (7, "[Publication]"),
        "recovered": (8, "bool"),
        "offset": (9, "uint64"),
        "positioned": (10, "bool"),
        "data": (11, "bytes"),
        "was_recovering": (12, "bool"),
        "delta": (13, "bool"),
    },
    "PresenceResult": {"presence": (1, "{ClientInfo}")},
    "PresenceStatsResult": {"num_clients": (1, "uint32"), "num_users": (2, "uint32")},
    "HistoryResult": {"publications": (1, "[Publication]"), "epoch": (2, "string"), "offset": (3, "uint64")},
    "RpcResult": {"data": (1, "bytes")},
    "RefreshResult": {"expires": (3, "bool"), "ttl": (4, "uint32")},
    "SubRefreshResult": {"expires": (1, "bool"), "ttl": (2, "uint32")},
    "Push": {
        "channel": (2, "string"),
        "pub": (4, "Publication"),
        "join": (5, "Presents"),
        "leave": (6, "Presents"),
        "unsubscribe": (7, "Unsubscribed"),
        "subscribe": (9, "Subscribed"),
        "disconnect": (11, "Disconnected"),
    },
    "Publication": {
        "data": (4, "bytes"),
        "info": (5, "ClientInfo"),
        "offset": (6, "uint64"),
        "tags": (7, "{string}"),
        "delta": (8, "bool"),
        "time": (9, "int64"),
    },
    "ClientInfo": {
        "user": (1, "string"),
        "client": (2, "string"),
        "conn_info": (3, "bytes"),
        "chan_info": (4, "bytes"),
    },
    "Presents": {"info": (1, "ClientInfo")},
    "Unsubscribed": {"code": (2, "uint32"), "reason": (3, "string")},
    "Subscribed": {
        "recoverable": (1, "bool"),
        "epoch": (4, "string"),
        "offset": (5, "uint64"),
        "positioned": (6, "bool"),
        "data": (7, "bytes"),
    },
    "Disconnected": {"code": (1, "uint32"), "reason": (2, "string")},
}

_PACKAGE = "hub"
_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "bool": _Field.TYPE_BOOL,
    "bytes": _Field.TYPE_BYTES,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "string": _Field.TYPE_STRING,
    "uint32": _Field.TYPE_UINT32,
    "uint64": _Field.TYPE_UINT64,
}


def _declare(message: descriptor_pb2.DescriptorProto, name: str, number: int, kind: str) -> None:
    """Add one field to `message`."""
    field = message.field.add(name=name, number=number, label=_Field.LABEL_OPTIONAL)
    inner = kind.strip("[]{}")
    if inner != kind:
        field.label = _Field.LABEL_REPEATED
    if kind.startswith("{"):  # on the wire a map is a repeated message of key and value
        entry = message.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
        entry.options.map_entry = True
        _declare(entry, "key", 1, "string")
        _declare(entry, "value", 2, inner)
        inner = f"{message.name}.{entry.name}"
    if inner in _SCALARS:
        field.type = _SCALARS[inner]
    else:
        field.type = _Field.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{inner}"


def _build() -> descriptor_pool.DescriptorPool:
    """A pool of its own, so that another program part may know messages by the same names."""
    file = descriptor_pb2.FileDescriptorProto(name="hub/protocol", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _declare(message, field, number, kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


_pool = _build()


def _class(name: str) -> Any:
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


Command = _class("Command")
EmulationRequest = _class("EmulationRequest")
Reply = _class("Reply")
