"""Response times of a component."""

from typing import Annotated

from pydantic import Field
from starlette.requests import Request

from hub.api.answers import Json
from hub.api.endpoint import Access, endpoint
from hub.api.envelope import Reply
from hub.api.fields import In, Instant, InstantText, Out
from hub.errors import Forbidden
from hub.services import latency
from hub.services.latency import MAX_LATENCY_MS, Sample


class LatencyIn(In):
    """`at` left out: now. Kept to the second; another measurement of the same second replaces it."""

    latency_ms: Annotated[float, Field(ge=0, le=MAX_LATENCY_MS, allow_inf_nan=False)]
    at: Instant | None = None


class LatencyOut(Out):
    at: InstantText
    latency_ms: float


class ComponentLatencyOut(Out):
    id: str
    samples: list[LatencyOut]


@endpoint(returns={200: list[ComponentLatencyOut]}, access=Access.ANYONE)
async def list_latency(request: Request) -> Reply[list[Json]]:
    """The same of every component that the caller may see and that has any."""
    now = request.state.clock.now()
    async with request.state.db() as session:
        return Reply(await latency.page_latency(session, request.path_params["slug"], by=request.user, now=now))


@endpoint(returns={200: list[LatencyOut]}, access=Access.ANYONE)
async def show_latency(request: Request) -> Reply[list[Json]]:
    """The last 24 hours: the mean of each quarter of an hour that has data (`at`: its beginning), oldest first."""
    path, now = request.path_params, request.state.clock.now()
    async with request.state.db() as session:
        return Reply(
            await latency.component_latency(session, path["slug"], path["component_id"], by=request.user, now=now)
        )


@endpoint(body=LatencyIn, returns={201: LatencyOut}, access=Access.SIGNED_IN, errors=(Forbidden,))
async def record_latency(request: Request, body: LatencyIn) -> Reply[Json]:
    """Tell one measured response time, of the last 30 days; with a key, the scope `status:write`."""
    path, now = request.path_params, request.state.clock.now()
    async with request.state.db.begin() as session:
        stored = await latency.record(
            session,
            path["slug"],
            path["component_id"],
            Sample(body.latency_ms, body.at),
            by=request.user,
            now=now,
        )
    return Reply(stored, status=201)
