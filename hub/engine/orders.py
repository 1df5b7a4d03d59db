"""What a back end wants done with a user's connections, whichever node they are on; told to all nodes as JSON."""

import msgspec

from hub.protocol.override import NO_OVERRIDE, Override
from hub.protocol.stream import StreamPosition


class _Order(msgspec.Struct, frozen=True, kw_only=True, tag_field="do"):
    """`client`: one connection of the user, "" for all of them."""

    user: str
    client: str = ""


class Disconnect(_Order, frozen=True, kw_only=True, tag="disconnect"):
    """Close with `code`, which also says whether the client comes back; connections in `spared` stay."""

    code: int
    reason: str
    spared: tuple[str, ...] = ()


class Unsubscribe(_Order, frozen=True, kw_only=True, tag="unsubscribe"):
    """Take the connections out of `channel` for good."""

    channel: str


class Subscribe(_Order, frozen=True, kw_only=True, tag="subscribe"):
    """Bring the connections into `channel`. `info`, `data`: JSON text, for the others and for the client."""

    channel: str
    info: bytes | None = None
    data: bytes | None = None
    since: StreamPosition | None = None
    override: Override = NO_OVERRIDE


class Refresh(_Order, frozen=True, kw_only=True, tag="refresh"):
    """The connections end at `expires_at_s` (unix seconds), never if it is None, and now if it is past."""

    expires_at_s: int | None = None


Order = Disconnect | Unsubscribe | Subscribe | Refresh


def encode_order(order: Order) -> bytes:
    return msgspec.json.encode(order)


def decode_order(raw: bytes) -> Order:
    """Raises ValueError on anything malformed."""
    try:
        order: Order = msgspec.json.decode(raw, type=Order)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError("not an order") from error
    return order


def concerns(order: Order, *, user: str, client: str) -> bool:
    """Is the connection `client` of `user` meant?"""
    is_spared = isinstance(order, Disconnect) and client in order.spared
    return order.user == user and order.client in {"", client} and not is_spared
