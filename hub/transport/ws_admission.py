"""Who may open one more connection: limits for the process, and for the strangers of one address."""

from http import HTTPStatus

from hub.transport.ws_answers import Refused


class Admission:
    """Counts what one server has open; a WebSocket is a stranger until it has authenticated. A limit of 0 is none."""

    def __init__(self, sockets: int = 0, strangers_per_address: int = 0, silent: int = 0) -> None:
        """`silent`: connections that have not yet sent the head of a request."""
        self._sockets_limit = sockets
        self._strangers_limit = strangers_per_address
        self._silent_limit = silent
        self._strangers: dict[str, int] = {}
        self.sockets = 0
        self.silent = 0

    @property
    def strangers(self) -> int:
        return sum(self._strangers.values())

    @property
    def has_room_for_silent(self) -> bool:
        return not 0 < self._silent_limit <= self.silent

    def enter(self, address: str | None) -> None:
        """Count a WebSocket, as a stranger of `address` (None: of nowhere, a proxy that does not say).

        Raises Refused: 503 when the process is full, 429 for an address with too many strangers.
        """
        if 0 < self._sockets_limit <= self.sockets:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, ((b"retry-after", b"5"),))
        if address is not None:
            count = self._strangers.get(address, 0)
            if 0 < self._strangers_limit <= count:
                raise Refused(HTTPStatus.TOO_MANY_REQUESTS, ((b"retry-after", b"1"),))
            self._strangers[address] = count + 1
        self.sockets += 1

    def authenticate(self, address: str) -> None:
        """One stranger of `address` is none any more."""
        count = self._strangers[address] - 1
        if count:
            self._strangers[address] = count
        else:
            del self._strangers[address]

    def leave(self, stranger_of: str | None) -> None:
        """A WebSocket is gone; `stranger_of`: its address, when it was still a stranger."""
        if stranger_of is not None:
            self.authenticate(stranger_of)
        self.sockets -= 1
