"""The demo page's data: an invented parcel company, as Statuspage documents whose times are relative to `now`.

`-96m`: so many minutes before now. `-3d 14:02`: 14:02 by the page's clock, three days before today. `-120d`: a date.
"""

import json
import re
from datetime import datetime, time, timedelta
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

_MINUTES = re.compile(r"-(\d+)m")
_CLOCK = re.compile(r"([+-]\d+)d (\d\d):(\d\d)")
_DATE = re.compile(r"-(\d+)d")
_PARTS = ("components.json", "incidents.json", "scheduled-maintenances.json")


def demo_documents(now: datetime) -> list[dict[str, Any]]:
    """The documents of the demo page as a Statuspage page would serve them at `now`."""
    documents = [json.loads((files(__name__) / part).read_text("utf-8")) for part in _PARTS]
    return [_at(document, now.astimezone(ZoneInfo(document["page"]["time_zone"]))) for document in documents]


def _at(value: Any, now: datetime) -> Any:
    if isinstance(value, dict):
        return {key: _at(item, now) for key, item in value.items()}
    if isinstance(value, list):
        return [_at(item, now) for item in value]
    return resolve(value, now) if isinstance(value, str) else value


def resolve(text: str, now: datetime) -> str:
    """The instant or date that `text` means at `now` (in the page's zone); any other text as it is."""
    if match := _MINUTES.fullmatch(text):
        return (now - timedelta(minutes=int(match[1]))).isoformat(timespec="milliseconds")
    if match := _CLOCK.fullmatch(text):
        day = now.date() + timedelta(days=int(match[1]))
        instant = datetime.combine(day, time(int(match[2]), int(match[3])), now.tzinfo)
        return instant.isoformat(timespec="milliseconds")
    if match := _DATE.fullmatch(text):
        return (now.date() - timedelta(days=int(match[1]))).isoformat()
    return text
