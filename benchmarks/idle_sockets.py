"""`python -m benchmarks.idle_sockets`: what an open WebSocket costs the server, and what opening one does.

The application is nothing but accept and detach, so this is the price of the wire; subscriptions come on top.
"""

import argparse
import asyncio
import gc
import multiprocessing
import os
import resource
import socket
from multiprocessing.connection import Connection
from typing import Any, Literal

import psutil
import uvicorn

from hub.transport.link import WireLimits
from hub.transport.listener import open_listener
from hub.transport.uvicorn_ws import make_protocols
from tests.support.wire_server import upgrade_request

AT_ONCE = 200


class Deaf:
    """The least that can receive."""

    __slots__ = ()

    def on_message(self, data: bytes, is_text: bool) -> None:
        pass

    def on_close(self, code: int) -> None:
        pass


async def app(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    scope["extensions"]["hub.wire"].detach(Deaf())


def serve(loop: Literal["asyncio", "uvloop"], pipe: Connection) -> None:
    """Tell the port, then for each word on the pipe (resident bytes, CPU seconds, objects the collector knows)."""
    listener = open_listener("127.0.0.1", 0)
    ws, http = make_protocols(WireLimits())
    config = uvicorn.Config(app, ws=ws, http=http, loop=loop, lifespan="off", log_level="warning")

    async def run() -> None:
        answering = asyncio.ensure_future(asyncio.to_thread(answer))
        server = uvicorn.Server(config)
        serving = asyncio.ensure_future(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0.01)
        pipe.send(listener.getsockname()[1])
        await serving
        await answering

    def answer() -> None:
        process = psutil.Process()
        while pipe.recv():
            gc.collect()
            times = process.cpu_times()
            pipe.send((process.memory_info().rss, times.user + times.system, len(gc.get_objects())))
        os._exit(0)

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(run())


async def connect(port: int, count: int) -> list[socket.socket]:
    """`count` sockets past the handshake."""
    loop = asyncio.get_running_loop()
    slots = asyncio.Semaphore(AT_ONCE)

    async def one() -> socket.socket:
        async with slots:
            client = socket.socket()
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", port))
            await loop.sock_sendall(client, upgrade_request("/"))
            head = await loop.sock_recv(client, 4_096)
            assert head.startswith(b"HTTP/1.1 101 "), head
            return client

    return await asyncio.gather(*(one() for _ in range(count)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, default=5_000)
    parser.add_argument("--loop", choices=["uvloop", "asyncio"], default="uvloop")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(options.loop, theirs))
    server.start()
    port = ours.recv()

    def ask() -> tuple[int, float, int]:
        ours.send(True)
        answer: tuple[int, float, int] = ours.recv()
        return answer

    try:
        for client in asyncio.run(connect(port, 100)):  # what is made once is made now
            client.close()
        memory, cpu, objects = ask()
        clients = asyncio.run(connect(port, options.sockets))
        cpu_after = ask()[1]
        memory_after, _, objects_after = ask()
        count = options.sockets
        print(f"{count} sockets on {options.loop}")
        print(f"memory per socket     {(memory_after - memory) / count / 1024:.2f} KiB")
        print(f"objects per socket    {(objects_after - objects) / count:.2f} known to the collector")
        print(f"CPU per handshake     {(cpu_after - cpu) / count * 1e6:.0f} us")
        for client in clients:
            client.close()
    finally:
        ours.send(False)
        server.join(10)


if __name__ == "__main__":
    main()
