"""One web process: it leaves in order, shares its port only when asked to, and keeps secrets out of its log."""

from collections.abc import Callable

import httpx2

from tests.support.hub import HubProcess, run_hub


async def test_sigterm_is_an_orderly_exit(hub: HubProcess):
    assert await hub.stop() == 0, hub.log
    assert "Traceback" not in hub.log


async def test_query_strings_stay_out_of_the_log(hub: HubProcess):
    async with httpx2.AsyncClient(base_url=hub.base_url) as client:
        await client.get("/p/nowhere?token=do-not-log-me")
    await hub.stop()
    assert "/p/nowhere" in hub.log
    assert "do-not-log-me" not in hub.log


async def test_a_busy_port_is_one_clear_line(hub: HubProcess):
    done = await run_hub("serve", env=hub.env)
    assert done.returncode == 1
    assert done.stderr.endswith(f"hub: 127.0.0.1:{hub.port} is in use; choose another with HUB_HOST and HUB_PORT\n")


async def test_several_workers_share_a_port(make_hub: Callable[..., HubProcess], database_url: str, redis_url: str):
    first, second = (
        make_hub(database_url=database_url, redis_url=redis_url, env={"HUB_WORKERS": "2"}) for _ in range(2)
    )
    second.port, second.base_url = first.port, first.base_url
    second.env["HUB_PORT"] = str(first.port)
    await first.start()
    await second.start()
    await first.kill()
    await second.wait_ready()


async def test_json_lines_say_who_speaks(make_hub: Callable[..., HubProcess], database_url: str, redis_url: str):
    hub = make_hub(database_url=database_url, redis_url=redis_url, env={"HUB_LOG_FORMAT": "json"})
    await hub.start()
    await hub.stop()
    lines = hub.log.splitlines()
    assert lines
    assert all('"who": "serve"' in line and '"event"' in line for line in lines), hub.log
