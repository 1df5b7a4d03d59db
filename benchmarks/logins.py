"""Do sign-ins hold up the fan-out? What viewers wait for a publication, with and without passwords being checked.

    python -m benchmarks.logins [--publications 300] [--viewers 500]

Quiet and busy turns alternate, so that both see the same machine. Busy: `AT_ONCE` sign-ins in flight all the time, each
about a sixth of a second of CPU. Publications go into Redis as another node's would, so that no transaction is in the
figure; the last of the viewers counts.
"""

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

import httpx2
import uvloop

from benchmarks.common import BenchHub, Round, Viewer, bench_hub, machine, quantile
from hub.clock import SystemClock
from hub.engine.broker import NO_EPOCH, Message
from hub.engine.broker_redis import RedisBroker
from hub.engine.envelope import pack

CHANNEL = "bench:all"
WRONG = "not the password of anybody"
UNLIMITED = {"HUB_LOGIN_TRIES_PER_ACCOUNT_PER_15_MIN": "0", "HUB_LOGIN_TRIES_PER_ADDRESS_PER_15_MIN": "0"}
PER_TURN, PAUSE_S, AT_ONCE = 50, 0.02, 2


class Listener(Viewer):
    """A viewer of a channel whose publications have no offsets."""

    def _on_frame(self, frame: bytes) -> None:
        if b'"pub":' in frame:
            self._round.arrived()
        else:
            super()._on_frame(frame)


async def main(publications: int, viewers: int) -> None:
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        channels = Path(folder) / "channels.json"
        names = {"name": "bench", "allow_subscribe_for_client": True, "allow_subscribe_for_anonymous": True}
        channels.write_text(json.dumps({"namespaces": [names]}))
        async with bench_hub({"HUB_CHANNELS_FILE": str(channels), **UNLIMITED}) as hub:
            current = Round(viewers)
            await _join(hub, current, viewers)
            broker = RedisBroker(hub.process.env["REDIS_URL"], SystemClock())
            quiet: list[float] = []
            busy: list[float] = []
            sign_ins: list[float] = []
            await _turn(broker, current, [])
            while len(quiet) < publications:
                await _turn(broker, current, quiet)
                flood = [asyncio.create_task(_sign_in_forever(hub, sign_ins)) for _ in range(AT_ONCE)]
                await asyncio.sleep(0.5)
                await _turn(broker, current, busy)
                for task in flood:
                    task.cancel()
                outcomes = await asyncio.gather(*flood, return_exceptions=True)
                assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes), outcomes
            await broker.close()
    print(f"machine   {machine()}, {viewers} viewers, {len(quiet)} publications each way")
    for name, delays in (("quiet", quiet), ("busy", busy)):
        shown = ", ".join(f"p{share * 100:g} {quantile(delays, share) * 1e3:.1f} ms" for share in (0.5, 0.95, 0.99))
        print(f"{name:<9} {shown}, worst {max(delays) * 1e3:.1f} ms")
    added = [(quantile(busy, share) - quantile(quiet, share)) * 1e3 for share in (0.5, 0.95, 0.99)]
    print(f"added     p50 {added[0]:.1f} ms, p95 {added[1]:.1f} ms, p99 {added[2]:.1f} ms")
    print(f"sign-ins  {len(sign_ins)}, p50 {quantile(sign_ins, 0.5) * 1e3:.0f} ms")


async def _join(hub: BenchHub, current: Round, count: int) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(count):
        _, viewer = await loop.create_connection(lambda: Listener(CHANNEL, current), "127.0.0.1", hub.process.port)
        await asyncio.wait_for(viewer.joined, 30)


async def _turn(broker: RedisBroker, current: Round, delays: list[float]) -> None:
    for number in range(PER_TURN):
        data = json.dumps({"number": number, "padding": "x" * 280}).encode()
        message = Message(CHANNEL, NO_EPOCH, 0, 0, 0, int(time.time() * 1000), pack(data, None, {}))
        current.start()
        await broker.publish([message])
        await current.complete()
        delays.append(current.delays[-1])
        await asyncio.sleep(PAUSE_S)


async def _sign_in_forever(hub: BenchHub, took: list[float]) -> None:
    async with httpx2.AsyncClient(base_url=hub.process.base_url, timeout=30) as client:
        while True:
            began = time.perf_counter()
            body = {"email": "nobody@example.test", "password": WRONG}
            answer = await client.post("/api/v1/auth/login", json=body)
            assert answer.status_code == 401, answer.text
            took.append(time.perf_counter() - began)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--publications", type=int, default=300)
    parser.add_argument("--viewers", type=int, default=500)
    chosen = parser.parse_args()
    uvloop.run(main(chosen.publications, chosen.viewers))
