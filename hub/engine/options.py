"""What a channel can do, whoever asks: history, recovery, presence, joins and leaves, deltas."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChannelOptions:
    """Of one namespace of custom channels."""

    history_size: int = 0  # publications kept; 0: no history, so no positions
    history_ttl_s: float = 300.0
    has_recovery: bool = False  # every subscription is recoverable and positioned
    has_presence: bool = False
    has_join_leave: bool = False  # a client may ask to be told of joins and leaves
    pushes_join_leave: bool = False  # every subscriber is told of them
    has_delta: bool = False  # "fossil" may be negotiated
    is_cache: bool = False  # recovery gives the newest publication alone
