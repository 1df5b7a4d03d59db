"""How many members each channel has, all nodes together. Pure."""

from collections import Counter
from collections.abc import Mapping

from hub.engine.census import MAX_AGE_S, count_by_node
from hub.engine.presence import KEY

__all__ = ["KEY", "MAX_AGE_S", "count_by_channel"]


def count_by_channel(fields: Mapping[str, str], now_s: float) -> dict[str, int]:
    """Members by channel name, of what the nodes have told in the hash `KEY`."""
    counts: Counter[str] = Counter()
    for members in count_by_node(fields, now_s).values():
        counts.update(members)
    return dict(counts)
