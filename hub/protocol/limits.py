"""What one connection may do, and how its transport differs from a WebSocket."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may do; times in seconds."""

    frame_bytes: int = 65_536
    unread_bytes: int = 262_144  # written and not taken yet, above which nothing more is worked on
    connect_deadline_s: float = 10.0
    ping_interval_s: float = 25.0
    pong_timeout_s: float = 8.0
    expiry_grace_s: float = 25.0
    channels: int = 128
    connections_per_user: int = 20  # on one node
    commands_per_s: float = 20.0
    command_burst: int = 40
    refused_commands: int = 100  # answered with "too many requests" before the connection is ended


@dataclass(frozen=True, slots=True)
class Manner:
    """How the transport differs from a WebSocket.

    `session`, `node`: what the client is to name when it sends commands by other requests, which is why it is not
    asked for pongs. `is_one_way`: it cannot send any, so its `connect` holds its wishes and refusals end it.
    """

    session: str = ""
    node: str = ""
    is_one_way: bool = False

    @property
    def is_pong_wanted(self) -> bool:
        return not self.session and not self.is_one_way


TWO_WAY = Manner()
