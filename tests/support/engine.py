"""Simple ends for the engine's ports: a log in memory, a wire that remembers, a viewer that joins a node."""

from collections.abc import Mapping, Sequence

from hub.domain.channel import is_private_channel
from hub.domain.control import CONTROL_CHANNEL, ControlEvent, encode_control
from hub.engine.broker import Message, SnapshotAt, Top
from hub.engine.fanout import Member
from hub.engine.live import Entry
from hub.engine.node import Node
from hub.protocol.codes import UnsubscribeCode
from hub.protocol.stream import ClientInfo, Publication, StreamPosition


class MemoryLog:
    """Log and snapshots of a few channels; `reads` counts the questions by kind, but for those of the control stream.

    `rights`: where the control stream stands for whoever writes now.
    """

    def __init__(self) -> None:
        self.channels: dict[str, list[Publication]] = {CONTROL_CHANNEL: []}
        self.epoch = "e1"
        self.floor = 0
        self.is_away = False
        self.reads: dict[str, int] = {"tops": 0, "read_after": 0, "snapshot": 0}

    def create(self, channel: str) -> None:
        self.channels[channel] = []

    def commit(self, channel: str, payload: bytes | None = None, flags: int = 0) -> Message:
        """The next publication; what comes back is to be published, or to be lost."""
        rows = self.channels[channel]
        offset = len(rows) + 1
        data = payload if payload is not None else b'{"n":%d}' % offset
        rights = self.rights if is_private_channel(channel) else 0
        rows.append(Publication(offset, data, 5, flags, rights=rights))
        return Message(channel, self.epoch, offset, flags, rights, 5, data)

    def tell(self, event: ControlEvent) -> Message:
        """The next event of the control stream."""
        return self.commit(CONTROL_CHANNEL, encode_control(event))

    @property
    def rights(self) -> int:
        return len(self.channels[CONTROL_CHANNEL])

    async def tops(self, channels: Sequence[str]) -> Mapping[str, Top]:
        self._ask("tops", *channels)
        floors = {CONTROL_CHANNEL: 0}
        return {
            name: Top(self.epoch, len(self.channels[name]), floors.get(name, self.floor))
            for name in channels
            if name in self.channels
        }

    async def read_after(self, channel: str, after: int, limit: int) -> list[Publication]:
        self._ask("read_after", channel)
        floor = 0 if channel == CONTROL_CHANNEL else self.floor
        return [row for row in self.channels[channel] if row.offset > max(after, floor)][:limit]

    async def snapshot(self, channel: str) -> SnapshotAt:
        self._ask("snapshot")
        head = len(self.channels[channel])
        rights = self.rights if is_private_channel(channel) else 0
        return SnapshotAt(self.epoch, head, b'{"offset":%d}' % head, rights)

    def _ask(self, kind: str, *channels: str) -> None:
        self.reads[kind] += CONTROL_CHANNEL not in channels
        if self.is_away:
            raise ConnectionError("the log is away")


class Viewer:
    """Joins a node and remembers what it is told."""

    def __init__(self, node: Node, channel: str) -> None:
        self.node = node
        self.channel = channel
        self.entries: list[Entry] = []
        self.offsets: list[int] = []
        self.recalls: list[UnsubscribeCode] = []
        self.waiting_bytes = 0
        self.is_aborted = False
        self.member = Member(self, channel, OFFSETS, self.recalls.append)

    async def join(self, since: StreamPosition | None = None, *, must_recover: bool = False) -> Entry:
        await self.node.join(self.channel, self.member, since, must_recover=must_recover, accept=self._accept)
        return self.entries[-1]

    def leave(self) -> None:
        self.node.leave(self.channel, self.member)

    def write(self, frame: bytes) -> None:
        self.offsets.extend(map(int, frame.split()))

    def buffered_bytes(self) -> int:
        return self.waiting_bytes

    def abort(self) -> None:
        self.is_aborted = True

    def _accept(self, entry: Entry) -> bool:
        self.entries.append(entry)
        self.offsets.extend(item.offset for item in entry.publications)
        return True


class Offsets:
    """Encodes a publication as a line with its offset, and joins and leaves as nothing."""

    def publication(self, channel: str, item: Publication) -> bytes:  # noqa: ARG002
        return b"%d\n" % item.offset

    def join(self, channel: str, info: ClientInfo) -> bytes:  # noqa: ARG002
        return b""

    leave = join


OFFSETS = Offsets()
