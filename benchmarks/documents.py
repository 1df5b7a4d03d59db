"""How many documents a core serves while thousands of sockets are live, beside a bare Starlette route.

    python -m benchmarks.documents [--sockets 5000] [--connections 32] [--seconds 8] [--path /p/bench/…]

The hub has one core to itself; load, PostgreSQL and Valkey have the other. The page has fifty components. Turns of the
hub and of the peer, a Starlette route that answers the same bytes from memory, alternate. Figures are requests per
second of wall time, and the delay of each request as its client saw it.
"""

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass, field

import httpx2
import uvloop

from benchmarks.common import BenchHub, Round, bench_hub, join, machine, quantile
from benchmarks.processes import LOAD_CORE, SERVER_CORE, free_port, pinned, process, raise_file_limit, wait_listening

PEER = """
import sys
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
import uvicorn

body = sys.stdin.buffer.read()

async def document(request):
    return Response(body, media_type="application/json")

app = Starlette(routes=[Route("/{rest:path}", document)])
options = {"loop": "uvloop", "http": "httptools", "access_log": False, "log_level": "warning"}
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), **options)
"""
COMPONENTS, TURNS = 50, 3


@dataclass
class Turn:
    """What the clients of one turn saw. `body_bytes`: of the first answer."""

    delays: list[float] = field(default_factory=list)
    ends_at: float = 0.0
    body_bytes: int = 0


class Client(asyncio.Protocol):
    """Asks again as soon as it is answered, on one connection that stays open."""

    def __init__(self, request: bytes, turn: Turn) -> None:
        self._request, self._turn = request, turn
        self._got, self._whole = b"", 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # uvloop's is one in all but name
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("closed by the server"))

    def data_received(self, data: bytes) -> None:
        self._got += data
        if not self._whole:
            head, end, _ = self._got.partition(b"\r\n\r\n")
            if not end:
                return
            assert head.startswith(b"HTTP/1.1 200 "), head
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            self._whole = len(head) + 4 + length
            self._turn.body_bytes = self._turn.body_bytes or length
        if len(self._got) < self._whole:
            return
        now = time.perf_counter()
        self._turn.delays.append(now - self._asked_at)
        if now < self._turn.ends_at:
            self._ask()
        else:
            self.done.set_result(None)
            self.transport.close()

    def _ask(self) -> None:
        self._got, self._whole = b"", 0
        self._asked_at = time.perf_counter()
        self.transport.write(self._request)


async def load(port: int, path: str, connections: int, seconds: float) -> Turn:
    """`connections` clients that ask for `seconds`; the first tenth of a second is not counted."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: application/json\r\n\r\n".encode()
    turn = Turn(ends_at=time.perf_counter() + seconds)
    loop = asyncio.get_running_loop()
    clients = [
        (await loop.create_connection(lambda: Client(request, turn), "127.0.0.1", port))[1] for _ in range(connections)
    ]
    await asyncio.gather(*(client.done for client in clients))
    return turn


async def main(sockets: int, connections: int, seconds: float, path: str) -> None:
    raise_file_limit(2 * sockets + 1_000)
    with pinned(LOAD_CORE):
        async with (
            httpx2.AsyncClient() as anybody,
            bench_hub({"HUB_PAGES_PER_ADDRESS_PER_MINUTE": "100000000"}, core=SERVER_CORE) as hub,
        ):
            await _fill(hub)
            await join(hub, Round(sockets), sockets)
            await load(hub.process.port, path, connections, 1.0)
            body = (await anybody.get(hub.process.base_url + path, headers={"Accept-Encoding": "identity"})).content
            port = free_port()
            with process([sys.executable, "-c", PEER, str(port)], core=SERVER_CORE, stdin=body) as child:
                await asyncio.to_thread(wait_listening, port, child)
                ours: list[Turn] = []
                peers: list[Turn] = []
                for _ in range(TURNS):
                    ours.append(await load(hub.process.port, path, connections, seconds))
                    peers.append(await load(port, path, connections, seconds))
    print(f"machine   {machine()}, {sockets} sockets live, {connections} connections")
    print(f"path      {path}, {ours[0].body_bytes} bytes")
    for name, turns in (("hub", ours), ("peer", peers)):
        rates = sorted(len(turn.delays) / seconds for turn in turns)
        delays = [delay for turn in turns for delay in turn.delays]
        shown = ", ".join(f"p{share * 100:g} {quantile(delays, share) * 1e3:.1f} ms" for share in (0.5, 0.99))
        print(f"{name:<9} {rates[len(rates) // 2]:,.0f} requests/s ({rates[0]:,.0f} to {rates[-1]:,.0f}), {shown}")
    ratios = sorted(len(one.delays) / len(other.delays) for one, other in zip(ours, peers, strict=True))
    print(f"ratio     {ratios[len(ratios) // 2]:.2f} of the bare route")


async def _fill(hub: BenchHub) -> None:
    for number in range(COMPONENTS - 1):
        body = {"name": f"Component {number}", "description": "What it does, in a few words."}
        made = await hub.operator.post(f"/api/v1/pages/{hub.slug}/components", json=body)
        assert made.status_code == 201, made.text


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, default=5_000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--path", default="/p/bench/api/v2/summary.json")
    chosen = parser.parse_args()
    uvloop.run(main(chosen.sockets, chosen.connections, chosen.seconds, chosen.path))
