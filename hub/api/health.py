"""For machines that watch the hub: alive, ready, figures. Never behind a sign-in, and no secrets in them."""

import asyncio
import hmac

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from hub.api.engine_metrics import EngineMetrics
from hub.api.metrics import Metrics
from hub.services import outbox

CHECK_TIMEOUT_S = 2.0
RELAY_LAG_LIMIT_S = 10.0
_NO_STORE = {"Cache-Control": "no-store"}
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def healthz(_: Request) -> Response:
    """This process answers; nothing else is asked."""
    return JSONResponse({"status": "ok"}, headers=_NO_STORE)


async def readyz(request: Request) -> Response:
    """200 when requests can be served well, else 503; `checks` names each part: `ok`, or what is wrong."""
    checks = await run_checks(request)
    is_ready = all(answer == "ok" for answer in checks.values())
    body = {"status": "ok" if is_ready else "unavailable", "checks": checks}
    return JSONResponse(body, 200 if is_ready else 503, headers=_NO_STORE)


async def show_metrics(request: Request) -> Response:
    """The Prometheus text format, of this process alone; single channels for whoever has HUB_METRICS_TOKEN."""
    metrics: Metrics = request.state.metrics
    metrics.loop_gap.set(request.state.watchdog.longest_gap_s())
    checks = await run_checks(request)
    metrics.is_ready.set(all(answer == "ok" for answer in checks.values()))
    engine = EngineMetrics(request.state.node, names_channels=_has_token(request))
    return Response(metrics.render(engine), media_type=_METRICS_TYPE, headers=_NO_STORE)


def _has_token(request: Request) -> bool:
    token = request.state.settings.hub_metrics_token
    if token is None:
        return False
    offered = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    return hmac.compare_digest(offered.encode(), token.get_secret_value().encode())


async def run_checks(request: Request) -> dict[str, str]:
    """`{"database", "redis", "relay", "rights"}`: each `ok` or a few words."""
    node = request.state.node
    checks = {
        "redis": "ok" if node.is_ready else "no confirmed subscription, or leaving",
        "rights": "ok" if node.knows_rights else "not confirmed by the database: only public views are served",
    }
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S), request.state.db() as session:
            age_s = await outbox.oldest_age_s(session) or 0.0
    except Exception as error:  # noqa: BLE001 (whatever it is, the answer is "not ready"; no details leave)
        return {**checks, "database": type(error).__name__, "relay": "unknown"}
    request.state.metrics.outbox_age.set(age_s)
    relay = "ok" if age_s < RELAY_LAG_LIMIT_S else f"events have waited for {age_s:.0f} s"
    return {**checks, "database": "ok", "relay": relay}
