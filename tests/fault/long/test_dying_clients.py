"""N3 and N4 at their full length: thousands of resets, and a network that dies without a word."""

import contextlib
import itertools
import time

import psutil
import pytest

from hub.transport.link import WireLimits
from hub.transport.ws_frames import text_frame
from tests.support.wire_server import black_hole, recorded_session, reset, serve_wire, wait_for

pytestmark = [pytest.mark.fault, pytest.mark.long, pytest.mark.timeout(300)]
REPETITIONS = 10_000


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("path", ["/echo", "/detached"])
def test_n4_ten_thousand_resets_at_every_byte_leave_nothing_behind(loop: str, path: str) -> None:
    session = recorded_session(path)
    with serve_wire(WireLimits(linger_s=0.2), loop) as server:  # type: ignore[arg-type]
        before = psutil.Process().num_fds()
        for cut_at in itertools.islice(itertools.cycle(range(len(session) + 1)), REPETITIONS):
            client = server.connect()
            with contextlib.suppress(ConnectionError):
                client.sendall(session[:cut_at])
            reset(client)
        wait_for(lambda: server.is_at_rest, within_s=60)
        wait_for(lambda: psutil.Process().num_fds() <= before)


def test_n3_a_peer_that_acknowledges_nothing_is_given_up_by_the_kernel() -> None:
    """Nobody closes and nothing is queued with us: TCP_USER_TIMEOUT alone ends it."""
    with serve_wire(WireLimits()) as server, server.upgraded("/detached") as client:
        wire = server.wire("/detached")
        black_hole(client)
        server.loop.call_soon_threadsafe(wire.write, text_frame(b"{}"))
        started_at = time.monotonic()
        wait_for(lambda: server.is_at_rest, within_s=60)
        assert time.monotonic() - started_at <= 40
