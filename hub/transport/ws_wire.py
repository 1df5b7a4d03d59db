"""What the server lends to whoever serves a WebSocket, and what it wants of them."""

from collections.abc import Callable
from typing import Protocol


class Receiver(Protocol):
    """Takes what a detached WebSocket brings."""

    def on_message(self, data: bytes, is_text: bool) -> None:
        """One whole message; text is valid UTF-8. What it raises ends the connection with 1011."""

    def on_close(self, code: int) -> None:
        """The end, told once: the peer's code, ours, or 1006. After our own `close` it comes with the last byte."""


class Wire(Protocol):
    """One WebSocket, from `websocket.accept` on: `scope["extensions"]["hub.wire"]`.

    `write` and `buffered_bytes` are the loop's own and cost nothing beside it, so look them up at each use: at the end
    they are replaced.
    """

    is_closing: bool
    """Whether nothing more can be said."""

    pongs: int
    """How many the peer has sent."""

    write: Callable[[bytes], object]
    """Queue complete frames without waiting; does nothing once closing."""

    buffered_bytes: Callable[[], int]
    """What the peer's kernel has not taken yet; 0 once closing."""

    def close(self, code: int, reason: str = "") -> None:
        """Say goodbye after what is queued; does nothing once closing. Raises ValueError for a code not to be sent."""

    def abort(self) -> None:
        """Drop the connection now, with everything that is queued."""

    def detach(self, receiver: Receiver) -> None:
        """Give all that comes to `receiver` from now on; the application may return, and its task costs no more.

        What came since the accept is given before this returns. Raises RuntimeError before the accept.
        """

    def admitted(self) -> None:
        """The peer has authenticated: it counts no more among its address's strangers."""
