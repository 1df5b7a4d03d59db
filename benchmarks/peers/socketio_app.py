"""python-socketio with its Redis manager, as its documentation shows it; events reach every client."""

import os

import socketio

manager = socketio.AsyncRedisManager(os.environ["REDIS_URL"])
server = socketio.AsyncServer(
    async_mode="asgi", client_manager=manager, ping_interval=600, ping_timeout=600, cors_allowed_origins="*"
)
app = socketio.ASGIApp(server)


@server.event
async def connect(_sid: str, _environ: object) -> None:
    """Everybody may."""
