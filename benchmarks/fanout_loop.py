"""`python -m benchmarks.fanout_loop`: what one delivery costs the fan-out's loop, on the loop's own transports.

The peers are socket pairs of this process. `w1` is one publication at a time, `w8` eight before the tick ends; `floor`
calls `transport.write` in a bare loop, and what is above it is ours. CPU time of this process, without the readers.
"""

import argparse
import asyncio
import resource
import socket
import time
from collections.abc import Callable
from typing import Any

import uvloop

from hub.engine.fanout import Fanout, Member
from hub.protocol.stream import Publication
from hub.transport.encodings import SOCKET_JSON

DELIVERIES = 200_000
WINDOWS = (1, 8)
PAYLOAD = b'{"text":"%s"}' % (b"x" * 289)


class Side(asyncio.Protocol):
    """As much of a connection as fan-out looks at, in the way that it has it."""

    __slots__ = ("buffered_bytes", "write")

    def connection_made(self, transport: Any) -> None:
        self.write: Callable[[bytes], object] = transport.write
        self.buffered_bytes: Callable[[], int] = transport.get_write_buffer_size

    def abort(self) -> None:
        raise RuntimeError("a reader of this benchmark is never slow")


class Stage:
    def __init__(self, sides: list[Side], peers: list[socket.socket]) -> None:
        self.sides = sides
        self.peers = peers
        self._timers: list[Callable[[], None]] = []
        self._fanout = Fanout(262_144, 10.0, tick_s=0.005, call_later=self._call_later)
        self._offset = 0
        for side in sides:
            self._fanout.add(Member(side, "bench:a", SOCKET_JSON, lambda code: None), 0)  # noqa: ARG005

    def _call_later(self, _delay_s: float, callback: Callable[[], None]) -> None:
        self._timers.append(callback)

    def publish(self, count: int) -> None:
        """All of `count` in one tick: the one that starts it is what the round before ended with."""
        for _ in range(count):
            self._offset += 1
            self._fanout.send([Publication(self._offset, PAYLOAD, 0)], now=0.0)
        self._fanout.flush()

    def write(self, count: int) -> None:
        frame = SOCKET_JSON.publication("bench:a", Publication(1, PAYLOAD, 0)) * count
        for write in [side.write for side in self.sides]:
            write(frame)

    def read(self) -> None:
        for peer in self.peers:
            while len(peer.recv(65_536)) == 65_536:
                pass


async def cost(stage: Stage, act: Callable[[int], None], window: int) -> float:
    """Nanoseconds of CPU per delivery."""
    rounds = max(5, DELIVERIES // (len(stage.sides) * window))
    spent_ns = 0
    for _ in range(rounds):
        begun = time.process_time_ns()
        act(window)
        await asyncio.sleep(0)  # what the loop has kept back goes out
        spent_ns += time.process_time_ns() - begun
        stage.read()
    return spent_ns / (rounds * window * len(stage.sides))


async def main(connections: int, repeats: int) -> None:
    loop = asyncio.get_running_loop()
    sides, peers = [], []
    for _ in range(connections):
        ours, theirs = socket.socketpair()
        _, side = await loop.create_connection(Side, sock=ours)
        sides.append(side)
        peers.append(theirs)
    stage = Stage(sides, peers)
    stage.publish(1)  # from here on a tick is running
    stage.read()
    for window in WINDOWS:
        for _ in range(repeats):
            ours_ns, floor_ns = await cost(stage, stage.publish, window), await cost(stage, stage.write, window)
            print(f"w{window}: {ours_ns:7.0f} ns per delivery, floor {floor_ns:7.0f} ns ({ours_ns / floor_ns:.2f}x)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=5_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(main(options.connections, options.repeats))
