"""How messages of one codec are put on one kind of transport: one shared object each, so that members share bytes."""

from collections.abc import Callable
from dataclasses import dataclass

from hub.protocol.codec import Codec
from hub.protocol.codec_json import JSON
from hub.protocol.codec_protobuf import PROTOBUF
from hub.protocol.stream import ClientInfo, Publication
from hub.transport.ws_frames import binary_frame, text_frame


@dataclass(frozen=True, slots=True, eq=False)
class Framing:
    """Implements `hub.engine.fanout.Encoding`; `wrap` makes one message ready for the transport."""

    codec: Codec
    wrap: Callable[[bytes], bytes]

    def publication(self, channel: str, item: Publication) -> bytes:
        return self.wrap(self.codec.publication_push(channel, item))

    def join(self, channel: str, info: ClientInfo) -> bytes:
        return self.wrap(self.codec.join_push(channel, info))

    def leave(self, channel: str, info: ClientInfo) -> bytes:
        return self.wrap(self.codec.leave_push(channel, info))


def as_line(message: bytes) -> bytes:
    return message + b"\n"


def as_event(message: bytes) -> bytes:
    """One unnamed server-sent event."""
    return b"data: " + message + b"\n\n"


SOCKET_JSON = Framing(JSON, text_frame)
SOCKET_PROTOBUF = Framing(PROTOBUF, binary_frame)
LINES = Framing(JSON, as_line)
EVENTS = Framing(JSON, as_event)
