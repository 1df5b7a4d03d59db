"""The AsyncAPI 3.0 document: what is pushed, over which connections, and in which shape (docs/protocol.md)."""

from typing import Any

from pydantic.json_schema import models_json_schema

from hub import __version__
from hub.api.answers import SnapshotOut
from hub.domain.event import EVENT_TYPES
from hub.domain.snapshot import LISTS, SINGLES
from hub.settings import Settings

Json = dict[str, Any]
_REFERENCE = "#/components/schemas/{model}"
_SLUG = {"slug": {"description": "The page's slug."}}


def build_async_document(settings: Settings) -> Json:
    """Channels, operations and messages, with the schema of the snapshot and of each type of event."""
    _, definitions = models_json_schema([(SnapshotOut, "serialization")], ref_template=_REFERENCE)
    schemas = definitions["$defs"]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Status Hub, live",
            "version": __version__,
            "description": "A page's state and every change of it, in order, as this viewer may see them.",
        },
        "defaultContentType": "application/json",
        "servers": {"hub": _server(settings.base_url)},
        "channels": {
            "page": {
                "address": "page:{slug}",
                "description": "A channel of the Centrifuge client protocol, subscribed to over /connection/websocket, "
                "/connection/http_stream or /connection/sse. The reply to the subscription carries the snapshot; "
                "each publication is an event to fold into it.",
                "parameters": _SLUG,
                "messages": _messages("snapshot", *sorted(EVENT_TYPES)),
            },
            "events": {
                "address": "/p/{slug}/events",
                "description": "Server-sent events: the snapshot first, then each event. `id` is the offset; "
                "`Last-Event-ID` resumes behind it.",
                "parameters": _SLUG,
                "messages": _messages("snapshot", *sorted(EVENT_TYPES)),
            },
            "account": {
                "address": "#{account}",
                "description": "News of one's own account, pushed to whoever is signed in, without asking.",
                "parameters": {"account": {"description": "The account's id."}},
                "messages": {},
            },
        },
        "operations": {
            name: {"action": "send", "channel": {"$ref": f"#/channels/{name}"}, "summary": summary}
            for name, summary in (
                ("page", "The hub sends a page's changes to its subscribers."),
                ("events", "The hub sends a page's changes to whoever reads the stream."),
                ("account", "The hub sends news of an account to its own connections."),
            )
        },
        "components": {
            "messages": {
                "snapshot": {
                    "title": "All that the page shows at one offset",
                    "payload": {"$ref": _REFERENCE.format(model="SnapshotOut")},
                },
                **{kind: {"title": kind, "payload": _event(kind, schemas)} for kind in sorted(EVENT_TYPES)},
            },
            "schemas": schemas,
        },
    }


def _server(base_url: str) -> Json:
    scheme, _, rest = base_url.partition("://")
    host, _, path = rest.partition("/")
    protocol = "wss" if scheme == "https" else "ws"
    return {"host": host, "protocol": protocol, **({"pathname": f"/{path}"} if path else {})}


def _messages(*names: str) -> Json:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _event(kind: str, schemas: Json) -> Json:
    """`set` has the new value of whatever changed, whole; `remove` the ids that are gone from a list."""
    shown = schemas["SnapshotOut"]["properties"]
    return {
        "type": "object",
        "required": ["type", "at", "set", "remove"],
        "properties": {
            "type": {"const": kind},
            "at": {"type": "string", "format": "date-time"},
            "set": {
                "type": "object",
                "additionalProperties": False,
                "properties": {name: shown[name] for name in (*SINGLES, *LISTS)},
            },
            "remove": {
                "type": "object",
                "additionalProperties": False,
                "properties": {name: {"type": "array", "items": {"type": "string"}} for name in LISTS},
            },
        },
    }
