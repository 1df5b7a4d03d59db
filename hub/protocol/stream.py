"""What a channel is made of: publications, counted from 1 within one epoch, and the connections that are in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto


class Form(Enum):
    """What `Publication.data` holds for this receiver."""

    PLAIN = auto()
    FULL = auto()  # the whole payload, for a receiver that negotiated deltas
    DELTA = auto()  # a Fossil delta against the payload that this receiver got before


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """A connection as the others in its channel see it; `conn_info` and `chan_info` are JSON text, never decoded."""

    client: str
    user: str
    conn_info: bytes | None = None
    chan_info: bytes | None = None


@dataclass(frozen=True, slots=True)
class Publication:
    """One item of a channel; `data` is the JSON text as stored, never decoded on its way to a viewer."""

    offset: int  # 0 in channels without history
    data: bytes
    time_ms: int
    flags: int = 0  # hub.engine.broker.FLAG_…
    info: ClientInfo | None = None  # the connection that published it
    tags: Mapping[str, str] = field(default_factory=dict)
    form: Form = Form.PLAIN
    rights: int = 0  # how far the control stream had come when it was written; 0 for what everybody may see


@dataclass(frozen=True, slots=True)
class StreamPosition:
    """Up to where somebody has everything. Offsets compare within one epoch only."""

    epoch: str
    offset: int
