"""Which channels a connection is in or on its way into, and until when."""

import math
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class Subscription:
    """`pending_id`: the subscribe command that waits for its answer; None once joined, 0 for a server-side one."""

    pending_id: int | None
    is_server_side: bool = False
    expires_at: float = math.inf

    @property
    def is_joined(self) -> bool:
        return self.pending_id is None


class Subscriptions:
    """By the name on the wire."""

    __slots__ = ("_by_channel", "next_expiry_at")

    def __init__(self) -> None:
        self._by_channel: dict[str, Subscription] = {}
        self.next_expiry_at = math.inf

    def __len__(self) -> int:
        return len(self._by_channel)

    def __contains__(self, channel: str) -> bool:
        return channel in self._by_channel

    def get(self, channel: str) -> Subscription | None:
        return self._by_channel.get(channel)

    def begin(self, channel: str, command_id: int) -> None:
        """`command_id` 0: on the server's own account."""
        self._by_channel[channel] = Subscription(command_id, is_server_side=command_id == 0)

    def is_awaiting(self, channel: str, command_id: int) -> bool:
        found = self._by_channel.get(channel)
        return found is not None and found.pending_id == command_id

    def is_joined(self, channel: str) -> bool:
        found = self._by_channel.get(channel)
        return found is not None and found.is_joined

    def joined(self, channel: str, expires_at: float) -> None:
        self._by_channel[channel].pending_id = None
        self.renew(channel, expires_at)

    def renew(self, channel: str, expires_at: float) -> None:
        self._by_channel[channel].expires_at = expires_at
        self._find_next_expiry()

    def end(self, channel: str) -> Subscription | None:
        """Forget it; None when there was none."""
        found = self._by_channel.pop(channel, None)
        if found is not None and found.expires_at < math.inf:
            self._find_next_expiry()
        return found

    def end_pending(self, command_id: int) -> None:
        """Forget the subscription that `command_id` asked for, if it did."""
        for channel, found in self._by_channel.items():
            if found.pending_id == command_id:
                del self._by_channel[channel]
                return

    def expired(self, at: float) -> Iterator[str]:
        """Channels whose time ended at `at` or before."""
        return iter([name for name, found in self._by_channel.items() if found.expires_at <= at])

    def joined_channels(self) -> list[str]:
        return [name for name, found in self._by_channel.items() if found.is_joined]

    def clear(self) -> None:
        self._by_channel.clear()
        self.next_expiry_at = math.inf

    def _find_next_expiry(self) -> None:
        self.next_expiry_at = min((found.expires_at for found in self._by_channel.values()), default=math.inf)
