"""A hub inside the test's own loop, so that tests see what it holds."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette

from hub.app import create_app
from hub.engine.node import Node
from hub.serve import HubServer, server_config
from hub.settings import Settings
from hub.transport.context import Context
from hub.transport.emulation import Emulation
from hub.transport.listener import open_listener
from tests.support.waiting import wait_until


@dataclass
class LocalHub:
    server: HubServer
    port: int
    app: Starlette

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/connection/websocket"

    @property
    def node(self) -> Node:
        node: Node = self.state["node"]
        return node

    @property
    def context(self) -> Context:
        context: Context = self.state["context"]
        return context

    @property
    def emulation(self) -> Emulation:
        emulation: Emulation = self.state["emulation"]
        return emulation

    @property
    def requests(self) -> int:
        """How many are being served."""
        return len(self.server.server_state.tasks)

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.server.lifespan.state
        return state


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[LocalHub]:
    """A hub that serves while the block runs, and then leaves in order."""
    app = create_app(settings)
    config = server_config(app, settings)
    config.load()
    server = HubServer(config)
    with open_listener("127.0.0.1", 0) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await wait_until(lambda: server.started or serving.done(), within_s=20)
            hub = LocalHub(server, listener.getsockname()[1], app)
            await wait_until(lambda: hub.node.is_ready, within_s=20)
            yield hub
        finally:
            server.should_exit = True
            await serving
