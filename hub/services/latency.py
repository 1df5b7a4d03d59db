"""Response times of components, told by whoever measures them: no status, no event, only a line to look at."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal, Right
from hub.domain.page import Component
from hub.domain.snapshot import Json
from hub.domain.text import iso
from hub.errors import Forbidden, Invalid, NotFound
from hub.services.state import load_components
from hub.services.views import Sight, see_page
from models import LatencySample

KEPT = timedelta(days=30)
SHOWN = timedelta(hours=24)
BUCKET = timedelta(minutes=15)
CLOCK_SKEW = timedelta(seconds=60)
MAX_LATENCY_MS = 600_000
PRUNE_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Sample:
    """`at` None: now. Kept to the second; another of the same second replaces it."""

    latency_ms: float
    at: datetime | None = None


async def record(
    session: AsyncSession, slug: str, component_id: str, sample: Sample, *, by: Principal, now: datetime
) -> Json:
    """Store one measurement; `{at, latency_ms}`.

    NotFound for a component that is not there for `by`, Forbidden without the right to say how it is, Invalid for a
    measurement of the future or of more than 30 days ago.
    """
    sight, component = await _find(session, slug, component_id, by)
    if not by.can(sight.page.id, Right.STATUS):
        raise Forbidden
    at = (sample.at or now).replace(microsecond=0)
    if at > now + CLOCK_SKEW:
        raise Invalid(fields={"at": "must not lie in the future"})
    if at < now - KEPT:
        raise Invalid(fields={"at": f"must not be older than {KEPT.days} days"})
    row = {"component_id": component.id, "at": at, "latency_ms": sample.latency_ms}
    await session.execute(
        upsert(LatencySample)
        .values(**row)
        .on_conflict_do_update(index_elements=["component_id", "at"], set_={"latency_ms": sample.latency_ms})
    )
    return {"at": iso(at), "latency_ms": sample.latency_ms}


async def component_latency(
    session: AsyncSession, slug: str, component_id: str, *, by: Principal, now: datetime
) -> list[Json]:
    """The last 24 hours as `recent` gives them; NotFound for a component that is not there for `by`."""
    _, component = await _find(session, slug, component_id, by)
    return (await recent(session, [component.id], now))[component.id]


async def page_latency(session: AsyncSession, slug: str, *, by: Principal, now: datetime) -> list[Json]:
    """`{id, samples}` of each component that `by` may see and that has any, as `recent` gives them; NotFound."""
    sight = await see_page(session, slug, by)
    shown = [item.id for item in await load_components(session, sight.page.id) if _is_shown(item, sight)]
    return [{"id": key, "samples": samples} for key, samples in (await recent(session, shown, now)).items()]


async def recent(session: AsyncSession, component_ids: Collection[str], now: datetime) -> dict[str, list[Json]]:
    """By component, `[{at, latency_ms}]`: the mean of each quarter of an hour that has data, oldest first, at most 96.

    `at` is the quarter's beginning. The caller has found the components visible. One query.
    """
    found: dict[str, list[Json]] = defaultdict(list)
    if not component_ids:
        return found
    begin = _quarter(now) - SHOWN + BUCKET
    quarter = func.date_bin(BUCKET, LatencySample.at, begin)
    rows = await session.execute(
        select(LatencySample.component_id, quarter, func.avg(LatencySample.latency_ms))
        .where(LatencySample.component_id.in_(component_ids), LatencySample.at >= begin, LatencySample.at <= now)
        .group_by(LatencySample.component_id, quarter)
        .order_by(LatencySample.component_id, quarter)
    )
    for component_id, at, mean_ms in rows.all():
        found[component_id].append({"at": iso(at), "latency_ms": round(mean_ms, 1)})
    return found


async def prune(session: AsyncSession, *, now: datetime, limit: int = PRUNE_BATCH) -> int:
    """Delete up to `limit` samples that are older than 30 days; how many there were."""
    old = (
        select(LatencySample.component_id, LatencySample.at)
        .where(LatencySample.at < now - KEPT)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("old")
    )
    gone = await session.execute(
        delete(LatencySample)
        .where(LatencySample.component_id == old.c.component_id, LatencySample.at == old.c.at)
        .returning(LatencySample.at)
    )
    return len(gone.all())


def _quarter(at: datetime) -> datetime:
    return at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)


async def _find(session: AsyncSession, slug: str, component_id: str, by: Principal) -> tuple[Sight, Component]:
    sight = await see_page(session, slug, by)
    for item in await load_components(session, sight.page.id):
        if item.id == component_id and _is_shown(item, sight):
            return sight, item
    raise NotFound("There is no such component.")


def _is_shown(item: Component, sight: Sight) -> bool:
    return not item.is_deleted and sight.view.admits(item.audience or sight.page.audience)
