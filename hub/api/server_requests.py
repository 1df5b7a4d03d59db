"""What back ends ask of the server API: the body of each method, in Centrifugo's words. Unknown fields are ignored."""

import msgspec

from hub.protocol.override import Override
from hub.protocol.stream import StreamPosition

NOTHING = msgspec.Raw()


class Since(msgspec.Struct):
    offset: int = 0
    epoch: str = ""

    @property
    def position(self) -> StreamPosition:
        return StreamPosition(self.epoch, self.offset)


class Payload(msgspec.Struct, kw_only=True):
    """What is to be published: `data` is any JSON, `b64data` the same in base64.

    Whether it goes out as a difference is between the hub and each subscriber: `delta` needs no word here.
    """

    data: msgspec.Raw = NOTHING
    b64data: str = ""
    tags: dict[str, str] = {}
    idempotency_key: str = ""
    skip_history: bool = False


class Publish(Payload, kw_only=True):
    channel: str


class Broadcast(Payload, kw_only=True):
    channels: list[str]


class History(msgspec.Struct):
    channel: str
    limit: int = 0
    since: Since | None = None
    reverse: bool = False


class OfChannel(msgspec.Struct):
    channel: str


class Connections(msgspec.Struct, kw_only=True):
    """Which connections are meant: the user's, or the one `client` of them."""

    user: str
    client: str = ""
    session: str = ""


class Subscribe(Connections, kw_only=True):
    channel: str
    info: msgspec.Raw = NOTHING
    b64info: str = ""
    data: msgspec.Raw = NOTHING
    b64data: str = ""
    recover_since: Since | None = None
    override: Override | None = None


class Unsubscribe(Connections, kw_only=True):
    channel: str


class Goodbye(msgspec.Struct):
    code: int
    reason: str = ""


class Disconnect(Connections, kw_only=True):
    whitelist: list[str] = []
    disconnect: Goodbye | None = None


class Refresh(Connections, kw_only=True):
    expired: bool = False
    expire_at: int = 0


class Channels(msgspec.Struct):
    pattern: str = ""


class Info(msgspec.Struct):
    """Takes nothing."""


class Batch(msgspec.Struct):
    """Each command is `{"<method>": {…}}`."""

    commands: list[dict[str, msgspec.Raw]]
    parallel: bool = False
