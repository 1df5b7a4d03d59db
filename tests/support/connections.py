"""Connections by hand, for tables of what comes in and what must be done. Time is seconds from 0."""

import json
from collections.abc import Iterable
from typing import Any

from hub.protocol.codec_json import JSON
from hub.protocol.codes import ErrorCode
from hub.protocol.connection import Connection
from hub.protocol.effects import Authenticated, Effect, Send
from hub.protocol.limits import Limits
from hub.protocol.state import State

Json = dict[str, Any]

LIMITS = Limits(channels=3)
SIGNED_IN = Authenticated("u1", None, False)


class TextConnection(Connection):
    """Takes frames as text, which reads better in tables."""

    def receive(self, frame: bytes | str, now: float) -> list[Effect]:
        return super().receive(frame.encode() if isinstance(frame, str) else frame, now)


def new_connection(limits: Limits = LIMITS) -> TextConnection:
    """One that nobody has connected yet, at 0 s."""
    return TextConnection("client-1", "hub 1", limits, now=0.0, jitter=0.0, codec=JSON)


def ready_connection(limits: Limits = LIMITS, answer: Authenticated = SIGNED_IN) -> TextConnection:
    """One that is connected as `answer` says."""
    connection = new_connection(limits)
    connection.receive('{"id":1,"connect":{}}', 0.0)
    connection.answer(answer, 0.0)
    assert connection.state is State.READY
    return connection


def sent(effects: Iterable[Effect]) -> list[Json]:
    """What it sends, frame by frame."""
    return [json.loads(effect.message) for effect in effects if isinstance(effect, Send)]


def error(command_id: int, code: ErrorCode) -> Json:
    """The frame that refuses a command."""
    body = {"code": int(code), "message": code.text}
    return {"id": command_id, "error": body | ({"temporary": True} if code.is_temporary else {})}
