"""Listening sockets whose connections keep little in the kernel and notice a dead peer."""

import socket

SEND_BUFFER_BYTES = 65_536  # the default lets 3 to 4 MB pile up in the kernel, stale, before anything pushes back
UNSENT_LOW_MARK_BYTES = 16_384
UNACKNOWLEDGED_MS = 30_000  # a silent peer with data on the way is given up, whatever the application does


def open_listener(host: str, port: int, *, is_shared: bool = False) -> socket.socket:
    """A bound socket, its options inherited by what it accepts; `is_shared` for several workers on one port.

    Raises OSError when the address is taken or not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        for name, value in (("TCP_NOTSENT_LOWAT", UNSENT_LOW_MARK_BYTES), ("TCP_USER_TIMEOUT", UNACKNOWLEDGED_MS)):
            if hasattr(socket, name):  # not on every system
                listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener
