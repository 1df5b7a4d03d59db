"""Ports of the engine: the broker between nodes, the log of publications and the snapshots behind it.

A broker may lose, double, delay or reorder any message: the receiver compares offsets and fetches what it lacks
from the log (docs/guarantees.md).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from zlib import crc32

from hub.protocol.stream import Publication

FLAG_REMAP = 1
"""Members of this view must come back (unsubscribe 2500): which view they may see can have changed."""
FLAG_CUT = 2
"""Something became invisible here: ring entries before this publication must go (floor = offset - 1)."""

FLAG_JOIN, FLAG_LEAVE = 4, 8
"""Not a publication: the payload says who came or went."""

NO_EPOCH = "-"
"""Of messages that belong to no history."""

MAX_CARRIED_BYTES = 65_536
"""Payloads above this travel as a header alone; nodes read them from the log."""

BEAT_CHANNEL = "hub:beat"
ACCOUNT_PREFIX = "account:"
SHARED_CARRIERS = 16
_CHANNEL_PREFIX = "hub:view:"
_BRACES = str.maketrans({"%": "%25", "{": "%7B", "}": "%7D"})  # in Redis' names they mark what decides over the slot

_VERSION = b"1"
_CARRIED, _ABSENT = b"+", b"-"


@dataclass(frozen=True, slots=True)
class Message:
    """One publication on its way between nodes; `payload` None means "over 64 KiB, fetch it from the log"."""

    channel: str
    epoch: str
    offset: int
    flags: int
    rights: int
    created_at_ms: int
    payload: bytes | None


def carrier_of(channel: str) -> str:
    """The name under which Redis carries the messages of `channel`.

    Accounts' own channels are as many as viewers, and little is said in them: some share a carrier.
    """
    if is_shared(channel):
        return f"{_CHANNEL_PREFIX}accounts-{crc32(channel.encode()) % SHARED_CARRIERS}"
    return _CHANNEL_PREFIX + channel.translate(_BRACES)


def is_shared(channel: str) -> bool:
    """Whether the carrier of `channel` carries others too; a node that listened to it once goes on."""
    return channel.startswith(ACCOUNT_PREFIX)


def encode_message(message: Message) -> bytes:
    """A header line that splits without decoding JSON, then the payload bytes as stored."""
    payload = message.payload
    if payload is not None and len(payload) > MAX_CARRIED_BYTES:
        payload = None
    numbers = f"{message.offset} {message.flags} {message.rights} {message.created_at_ms}"
    mark, body = (_ABSENT, b"") if payload is None else (_CARRIED, payload)
    return f"1 {message.channel} {message.epoch} {numbers} ".encode() + mark + b"\n" + body


def decode_message(raw: bytes) -> Message:
    """The message in `raw`; raises ValueError on anything malformed."""
    header, newline, payload = raw.partition(b"\n")
    parts = header.split(b" ")
    if not newline or len(parts) != 8 or parts[0] != _VERSION:
        raise ValueError("not a broker message")
    _, channel, epoch, offset, flags, rights, created_at_ms, mark = parts
    if not channel or not epoch or mark not in (_CARRIED, _ABSENT) or (mark == _ABSENT and payload):
        raise ValueError("not a broker message")
    return Message(
        channel=channel.decode(),
        epoch=epoch.decode(),
        offset=_natural(offset),
        flags=_natural(flags),
        rights=_natural(rights),
        created_at_ms=_natural(created_at_ms),
        payload=payload if mark == _CARRIED else None,
    )


def _natural(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > 19:
        raise ValueError("not a broker message")
    return int(digits)


class Broker(Protocol):
    """Carries messages between nodes, at most once and in no promised order."""

    async def start(self, on_message: Callable[[Message], None], on_suspect: Callable[[str], None]) -> None:
        """Begin to deliver. `on_suspect(reason)` says that messages may have been lost; assume so."""

    async def subscribe(self, channel: str) -> None:
        """Return once the confirmation has been read: messages published from now on arrive or are suspect.

        Raises hub.errors.Unavailable when no confirmation came in time.
        """

    async def unsubscribe(self, channel: str) -> None:
        """Stop delivery of `channel`; messages on their way may still arrive."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Send in order on one connection, without retry. An exception means "unknown", not "not sent"."""

    @property
    def is_healthy(self) -> bool:
        """Whether the link has shown a sign of life within its silence limit."""

    async def close(self) -> None:
        """End the links; nothing is delivered afterwards."""


@dataclass(frozen=True, slots=True)
class Top:
    """Where a channel stands: `head` = last offset given out, `floor` = highest that can no longer be replayed."""

    epoch: str
    head: int
    floor: int


class Log(Protocol):
    """The table of publications, the only truth about a channel."""

    async def tops(self, channels: Sequence[str]) -> Mapping[str, Top]:
        """One query for all; channels that do not exist are absent from the answer."""

    async def read_after(self, channel: str, after: int, limit: int) -> list[Publication]:
        """At most `limit` publications with offset > `after`, ascending; may begin later than `after + 1`."""


@dataclass(frozen=True, slots=True)
class SnapshotAt:
    """JSON of the page as one view sees it, true at (epoch, offset).

    `rights`: how far the control stream had come at that moment; 0 for what everybody may see.
    """

    epoch: str
    offset: int
    data: bytes
    rights: int = 0


class Snapshots(Protocol):
    """Full states, each from one database snapshot together with its position."""

    async def snapshot(self, channel: str) -> SnapshotAt:
        """The state now; raises hub.errors.NotFound when the channel is gone."""
