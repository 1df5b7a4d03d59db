"""What a channel is made of: publications, counted from 1 within one epoch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Publication:
    """One item of a channel; `data` is the JSON text as stored, never decoded on its way to a viewer."""

    offset: int
    data: bytes
    time_ms: int
    flags: int = 0  # hub.engine.broker.FLAG_…


@dataclass(frozen=True, slots=True)
class StreamPosition:
    """Up to where somebody has everything. Offsets compare within one epoch only."""

    epoch: str
    offset: int
