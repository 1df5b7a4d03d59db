"""The one-way JSON form: a client says what it wants once, then only listens (docs/protocol.md#one-way)."""

import msgspec

from hub.protocol.codec_json import JsonCodec
from hub.protocol.commands import Command, Connect, FrameError, check

_CONNECT = msgspec.json.Decoder(Connect)


class UniJsonCodec(JsonCodec):
    """Implements `hub.protocol.codec.Codec` with bare pushes, and the connect result as one of them.

    Nothing but `connect` is ever replied to, and a refusal of it is a close: see `hub.protocol.limits.Manner`.
    """

    _push_form = b'{%s"%s":%s}'

    def decode(self, frame: bytes, limit_bytes: int) -> list[Command]:
        """The one command that there is: `frame` is the body of a connect, on one line or more."""
        if len(frame) > limit_bytes:
            raise FrameError("frame too large")
        try:
            return [check(Command(1, "connect", _CONNECT.decode(frame)))]
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            raise FrameError("not the body of a connect") from error

    def _reply(self, id: int, method: str, body: bytes) -> bytes:  # noqa: ARG002  nobody matches replies
        return b'{"%s":%s}' % (method.encode(), body)


UNI_JSON = UniJsonCodec()
