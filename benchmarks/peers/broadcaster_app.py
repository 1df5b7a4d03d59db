"""Starlette with `broadcaster` over Redis, as its documentation shows it: a task and a queue for every socket."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from broadcaster import Broadcast
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

broadcast = Broadcast(os.environ["REDIS_URL"])


async def viewer(websocket: WebSocket) -> None:
    await websocket.accept()
    async with broadcast.subscribe(channel="bench") as subscriber:
        async for event in subscriber:
            await websocket.send_text(event.message)


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[None]:
    async with broadcast:
        yield


app = Starlette(routes=[WebSocketRoute("/", viewer)], lifespan=lifespan)
