"""W1: RFC 6455 by Autobahn's cases, all but the loads (9) and compression (12, 13), which is never negotiated."""

from collections.abc import Iterator

import pytest
from kosoku import FailureError, run_fuzzingclient

from hub.transport.link import WireLimits
from tests.support.wire_server import WireServer, serve_wire

pytestmark = [pytest.mark.fault, pytest.mark.slow]
LEFT_OUT = ["9.*", "12.*", "13.*"]
LIMITS = WireLimits(message_bytes=1_000_000)  # some cases send 64 KiB and more


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def server(request: pytest.FixtureRequest) -> Iterator[WireServer]:
    with serve_wire(LIMITS, request.param) as server:
        yield server


@pytest.mark.parametrize("path", ["/echo", "/detached"])
async def test_w1_every_case_passes_strictly(server: WireServer, path: str) -> None:
    try:
        results = await run_fuzzingclient(f"ws://127.0.0.1:{server.port}{path}", None, LEFT_OUT, concurrency=4)
    except FailureError as failure:
        results = failure.results
    assert len(results) == 247
    behaviors = {result.case_id: (result.behavior.value, result.behavior_close.value) for result in results}
    known = {"OK", "INFORMATIONAL"}
    assert {case: seen for case, seen in behaviors.items() if not known.issuperset(seen)} == {}
