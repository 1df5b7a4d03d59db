"""The summary of each minute, to every view of every page."""

from datetime import datetime

from celery import shared_task

from hub.domain.text import iso
from hub.services import summaries
from tasks import runtime, viewers

EXPIRES_S = 50  # the next minute has its own


@shared_task(name="summaries.publish_due", throws=runtime.EXPECTED)
def publish_due() -> None:
    """Queue the present minute's summary of each page, with the viewers that the nodes count."""
    now = runtime.now()
    minute = now.replace(second=0, microsecond=0)
    counts = viewers.count_by_channel(runtime.current().viewer_fields(), now.timestamp())
    for slug in runtime.transaction(summaries.due):
        mine = {name: count for name, count in counts.items() if name.partition("@")[0] == f"page:{slug}"}
        publish.apply_async((slug, iso(minute), mine), expires=EXPIRES_S)


@shared_task(name="summaries.publish", throws=runtime.EXPECTED)
def publish(slug: str, minute: str, viewer_counts: dict[str, int]) -> None:
    """Store and announce one page's summary. A second run changes nothing: each view keeps the minute it has had."""
    runtime.transaction(
        summaries.publish,
        slug,
        minute=datetime.fromisoformat(minute),
        viewers=viewer_counts,
        now=runtime.now(),
    )
