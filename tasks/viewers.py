"""How many members each channel has, as the nodes tell it in Redis. Pure.

Each node writes its own counts into the hash `hub:viewers` every few seconds: field `<node id>|<channel>`, value
`<count>|<unix seconds>`. A node that died leaves its last words behind, hence the age limit.
"""

from collections import Counter
from collections.abc import Mapping

KEY = "hub:viewers"
MAX_AGE_S = 60


def count_by_channel(fields: Mapping[str, str], now_s: float) -> dict[str, int]:
    """Members by channel name over all nodes; entries that are too old or make no sense are left out."""
    counts: Counter[str] = Counter()
    for field, value in fields.items():
        _, separator, channel = field.partition("|")
        count, _, told_at_s = value.partition("|")
        try:
            is_fresh = now_s - float(told_at_s) <= MAX_AGE_S
            members = int(count)
        except ValueError:
            continue
        if separator and is_fresh and members > 0:
            counts[channel] += members
    return dict(counts)
