"""The summary of each minute: how a page stands, what is open, uptime of today, who looks on; per view."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import SYSTEM
from hub.domain.audience import View, view_of_key
from hub.domain.channel import parse_channel
from hub.domain.page import PageState
from hub.domain.snapshot import project
from hub.domain.text import iso
from hub.domain.uptime import average
from hub.services.uptime import today_ratios
from hub.services.write import change_page
from models import Page as PageRow
from models import View as ViewRow

Json = dict[str, Any]


async def due(session: AsyncSession) -> list[str]:
    """The slugs of all pages that have a view, hence somebody to tell."""
    has_view = select(ViewRow.page_id).where(ViewRow.page_id == PageRow.id).exists()
    return list(await session.scalars(select(PageRow.slug).where(has_view).order_by(PageRow.slug)))


async def publish(
    session: AsyncSession, slug: str, *, minute: datetime, viewers: Mapping[str, int], now: datetime
) -> bool:
    """Store the summary of `minute` for each view of a page and tell the view; False when all had it already.

    `viewers`: members by channel name, all nodes together. NotFound when the page is gone.
    """
    async with change_page(session, slug, by=SYSTEM, now=now, kind="summary.published", is_silent=True) as change:
        state, at = change.before, iso(minute)
        keys = await session.scalars(select(ViewRow.key).where(ViewRow.page_id == change.page_id))
        waiting = [view_of_key(key) for key in keys if (state.summaries.get(key) or {}).get("at", "") < at]
        if not waiting:
            return False
        present = [item for item in state.components if not item.is_deleted]
        ratios = await today_ratios(session, state.page, present, now)
        for view in waiting:
            summary = _summary(state, view, at, ratios, _viewer_count(viewers, slug, view))
            if summary is not None:
                await session.execute(
                    update(ViewRow)
                    .where(ViewRow.page_id == change.page_id, ViewRow.key == view.key)
                    .values(summary=summary)
                )
    return True


def _summary(
    state: PageState, view: View, at: str, ratios: Mapping[str, float | None], viewer_count: int
) -> Json | None:
    """What the view's own snapshot says, in short; None for a view that may no longer see the page."""
    snapshot = project(state, view, at)
    if snapshot is None:
        return None
    return {
        "at": at,
        "status": snapshot["status"],
        "open_incidents": len(snapshot["incidents"]),
        "uptime_today": average(ratios[item["id"]] for item in snapshot["components"]),
        "viewers": viewer_count,
    }


def _viewer_count(viewers: Mapping[str, int], slug: str, view: View) -> int:
    """Members of all the page's views that this one covers: a wider audience is not given away by its size."""
    return sum(count for name, count in viewers.items() if _is_covered(name, slug, view))


def _is_covered(name: str, slug: str, view: View) -> bool:
    channel = parse_channel(name)
    if channel is None or channel.slug != slug:
        return False
    other = channel.view or View()
    return view.sees_all or (not other.sees_all and other.audiences <= view.audiences)
