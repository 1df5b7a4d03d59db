"""How soon does a right that is taken away end on an open socket of another worker?

    python -m benchmarks.revocation [--trials 200]

Two web processes over one database and one Redis. A member of a group watches the group's component on the second; the
operator, on the first, changes it again and again, and in the midst of that removes the member. The clock starts before
the removal is asked for. Told: when the socket was sent out of the view, when the last frame of the view came, and how
many frames came of changes that were begun after the removal had been answered (none may).
"""

import argparse
import asyncio
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx2
import uvloop
import websockets

from benchmarks.common import BenchHub, bench_hub, machine, quantile
from tests.support.hub import HubProcess
from tests.support.json_client import JsonClient
from tests.support.servers import Servers
from tests.support.waiting import wait_until

MEMBER, MAX_TRIALS = "member@example.test", 1_000


class Watcher(JsonClient):
    """Notes when publications and unsubscribes came, and subscribes again when it is told to."""

    def __init__(self, connection: websockets.ClientConnection, channel: str) -> None:
        super().__init__(connection)
        self.channel = channel
        self.view = ""
        self.frames: list[tuple[float, str]] = []
        self.recalled_at: list[float] = []
        self._subscribing: asyncio.Task[None] | None = None

    async def enter(self) -> None:
        while True:
            reply = await self.call(subscribe={"channel": self.channel, "flag": 1})
            if "subscribe" in reply:
                self.view = reply["subscribe"]["data"]["channel"]
                return
            await asyncio.sleep(0.05)

    async def _take(self, message: dict[str, Any]) -> None:
        push = message.get("push", {})
        if "pub" in push:
            self.frames.append((time.perf_counter(), str(push["pub"]["data"])))
        elif "unsubscribe" in push:
            self.recalled_at.append(time.perf_counter())
            self.view = ""
            self._subscribing = asyncio.create_task(self.enter())
        else:
            await super()._take(message)


async def main(trials: int) -> None:
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        servers = Servers()
        servers.start()
        try:
            async with bench_hub(servers=servers) as hub:
                env = hub.process.env
                second = HubProcess(
                    database_url=env["DATABASE_URL"], redis_url=env["REDIS_URL"], directory=Path(folder)
                )
                await second.start()
                try:
                    await _measure(hub, second, trials)
                finally:
                    await second.stop()
        finally:
            servers.close()


async def _measure(hub: BenchHub, second: HubProcess, trials: int) -> None:
    operator = hub.operator
    await _asked(operator.post("/api/v1/groups", json={"slug": "ops", "name": "Operations"}))
    body = {"name": "Secret", "audience": "group:ops"}
    secret = (await _asked(operator.post("/api/v1/pages/bench/components", json=body)))["id"]
    await hub.process.create_user(MEMBER)
    token = await hub.process.token(MEMBER)
    recalls, frames, late = [], [], 0
    async with (
        httpx2.AsyncClient(base_url=hub.process.base_url, headers={"Authorization": f"Bearer {token}"}) as member,
        websockets.connect(second.ws_url, proxy=None) as connection,
    ):
        account = (await _asked(member.get("/api/v1/me")))["id"]
        watcher = Watcher(connection, hub.channel)
        await watcher.connect(token)
        await watcher.enter()
        for _ in range(trials):
            invitation = await _asked(operator.post("/api/v1/groups/ops/invitations", json={}))
            await _asked(member.post("/api/v1/invitations/accept", json={"token": invitation["token"]}))
            await wait_until(lambda: watcher.view == "page:bench@public+group-ops", within_s=20)
            began, ended, late_marks = await _trial(operator, secret, account, watcher)
            recalls.append(watcher.recalled_at[-1] - began)
            frames.append(max((at for at, _ in watcher.frames), default=began) - began)
            late += late_marks
            watcher.frames.clear()
            assert watcher.view == hub.channel, watcher.view
            assert ended > began
        await watcher.end()
    print(f"machine              {machine()}")
    for name, found in (("removal -> sent out", recalls), ("removal -> last frame", frames)):
        shown = ", ".join(f"p{share * 100:g} {quantile(found, share) * 1e3:.1f} ms" for share in (0.5, 0.95, 0.99))
        print(f"{name:<22} {shown}, worst {max(found) * 1e3:.1f} ms over {trials} trials")
    print(f"frames of changes begun after the answer: {late}")


async def _trial(operator: httpx2.AsyncClient, secret: str, account: str, watcher: Watcher) -> tuple[float, float, int]:
    """When the removal began and was answered, and the frames that should not have come."""
    is_over = asyncio.Event()
    changed: list[tuple[float, str]] = []

    async def change() -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            mark = f"mark-{time.time_ns()}"
            changed.append((time.perf_counter(), mark))
            path = f"/api/v1/pages/bench/components/{secret}"
            await _asked(operator.patch(path, json={"description": mark}))

    changing = asyncio.create_task(change())
    await asyncio.sleep(random.uniform(0.02, 0.12))
    began = time.perf_counter()
    await _asked(operator.delete(f"/api/v1/groups/ops/members/{account}"))
    ended = time.perf_counter()
    await wait_until(lambda: watcher.view != "" and watcher.recalled_at[-1:] > [began], within_s=20)
    await asyncio.sleep(0.1)
    is_over.set()
    await changing
    forbidden = [mark for at, mark in changed if at > ended]
    return began, ended, sum(any(mark in text for mark in forbidden) for _, text in watcher.frames)


async def _asked(asking: Any) -> Any:
    answer = await asking
    assert answer.is_success, answer.text
    return answer.json()["data"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    chosen = parser.parse_args()
    if not 0 < chosen.trials <= MAX_TRIALS:
        parser.error(f"at most {MAX_TRIALS} trials")
    uvloop.run(main(chosen.trials))
