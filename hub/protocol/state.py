"""Where a connection is in its life."""

from enum import Enum, auto


class State(Enum):
    NEW = auto()
    AUTHENTICATING = auto()
    JOINING = auto()  # into the server-side subscriptions, which the connect reply will tell of
    READY = auto()
    REFUSED = auto()  # `connect` failed; the client is to close
    CLOSED = auto()
