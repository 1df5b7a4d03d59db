"""Snapshot → what the page says, in the order it says it. Pure; `client_demo/present.js` is its twin.

Here live the choices of words and order that are not status rules: which sentence is the answer, which groups are
open, which days may be called quiet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hub.web.messages import _, _n
from hub.web.month_grid import title_of as month_title
from hub.web.words import (
    GLYPHS,
    TONES,
    ago,
    clock,
    day,
    lasting,
    moment,
    offset_name,
    parse,
    percent,
    sentence,
    weekday,
)

Json = Mapping[str, Any]

SEVERITY = ("none", "maintenance", "minor", "major", "critical")
OPEN_GROUPS_UP_TO = 25  # components on the page; above that only groups in trouble are open
HISTORY_DAYS = 14
HISTORY_LIMIT = 10  # ended incidents a snapshot carries
UPCOMING_DAYS = 7
AFTERMATH = timedelta(hours=2)  # an incident that ended is still what a visitor came for


@dataclass(frozen=True, slots=True)
class Answer:
    """The banner: one sentence, one tone, and since when."""

    tone: str
    sentence: str
    since_at: str | None
    since_text: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One top-level row of the component list: a group with its components, or a component by itself."""

    group: Json | None
    components: Sequence[Json]
    is_open: bool
    affected: int


@dataclass(frozen=True, slots=True)
class Day:
    """A day (or a run of quiet days) of the history."""

    title: str
    incidents: Sequence[Json]


def answer(snapshot: Json, zone: ZoneInfo, now: datetime) -> Answer:
    """The open incident's name stands in place of a green sentence; otherwise the roll-up speaks.

    Shape and colour are those of whichever speaks, and an open incident is never green.
    """
    severity, said = snapshot["status"]["indicator"], sentence(snapshot["status"]["description"])
    incidents = snapshot["incidents"]
    if incidents and severity in ("none", "maintenance"):
        said = incidents[0]["name"]
        severity = max(["minor", *(incident["impact"] for incident in incidents)], key=SEVERITY.index)
    if incidents:
        starts = [incident["started_at"] for incident in incidents]
    else:
        starts = [c["status_since"] for c in snapshot["components"] if c["status"] != "operational"]
    starts = [start for start in starts if start]
    if severity == "none" or not starts:
        return Answer(TONES[severity], said, None, None)
    since = parse(min(starts))
    text = _(
        "since {moment} · {length}",
        moment=f"{moment(since, zone, now)} {offset_name(since, zone)}",
        length=lasting((now - since).total_seconds()),
    )
    return Answer(TONES[severity], said, min(starts), text)


def aftermath(snapshot: Json, now: datetime) -> str:
    """What a green banner adds for a while after an incident has ended; else nothing."""
    if snapshot["status"]["indicator"] != "none" or snapshot["incidents"] or not snapshot["history"]:
        return ""
    last = snapshot["history"][0]
    ended = parse(last["resolved_at"])
    if not timedelta() <= now - ended < AFTERMATH:
        return ""
    return _("{name}: resolved {ago}", name=last["name"], ago=ago(ended, now))


def title(snapshot: Json, shown: Answer) -> str:
    return f"{GLYPHS[shown.tone]} {shown.sentence} · {snapshot['page']['title']}"


def shown_components(snapshot: Json) -> list[Json]:
    return [c for c in snapshot["components"] if not (c["only_show_if_degraded"] and c["status"] == "operational")]


def entries(snapshot: Json) -> list[Entry]:
    """Groups and lone components in one order: (position, name, id), as the operator arranged them."""
    components = shown_components(snapshot)
    few = len(components) <= OPEN_GROUPS_UP_TO
    known = {group["id"] for group in snapshot["groups"]}
    rows: list[tuple[tuple[Any, ...], Entry]] = []
    for group in snapshot["groups"]:
        members = [c for c in components if c["group_id"] == group["id"]]
        if members:
            affected = sum(c["status"] != "operational" for c in members)
            entry = Entry(group, members, few or affected > 0, affected)
            rows.append(((group["position"], group["name"], group["id"]), entry))
    for component in components:
        if component["group_id"] not in known:
            key = (component["position"], component["name"], component["id"])
            rows.append((key, Entry(None, [component], True, 0)))
    return [entry for _, entry in sorted(rows, key=lambda row: row[0])]


def maintenances(snapshot: Json, now: datetime) -> tuple[list[Json], list[Json], list[Json]]:
    """(in progress, within the next seven days, later)."""
    running = [m for m in snapshot["maintenances"] if m["status"] in ("in_progress", "verifying")]
    waiting = [m for m in snapshot["maintenances"] if m["status"] == "scheduled"]
    horizon = now + timedelta(days=UPCOMING_DAYS)
    soon = [m for m in waiting if parse(m["scheduled_for"]) < horizon]
    return running, soon, [m for m in waiting if m not in soon]


def history_days(snapshot: Json, zone: ZoneInfo, now: datetime) -> list[Day]:
    """The last fourteen days, newest first: days with incidents one by one, quiet ones drawn together.

    A snapshot carries the ten incidents that ended last. Any other ended no later than the oldest of those, so began
    no later either: only days after that one may be called quiet.
    """
    today = now.astimezone(zone).date()
    first = today - timedelta(days=HISTORY_DAYS - 1)
    ended = snapshot["history"]
    if len(ended) >= HISTORY_LIMIT:
        first = max(first, _day_of(ended[-1]["resolved_at"], zone))
    by_day: dict[date, list[Json]] = {}
    for incident in [*snapshot["incidents"], *ended]:
        by_day.setdefault(_day_of(incident["started_at"], zone), []).append(incident)
    born = min((_day_of(c["created_at"], zone) for c in snapshot["components"]), default=today)
    days: list[Day] = []
    quiet: list[date] = []
    for back in range((today - first).days + 1):
        on = today - timedelta(days=back)
        incidents = by_day.get(on, [])
        if incidents:
            _close(days, quiet, today.year)
            newest_first = sorted(incidents, key=lambda i: (i["started_at"], i["id"]), reverse=True)
            days.append(Day(weekday(on, today.year), newest_first))
        elif on >= born:
            quiet.append(on)
    _close(days, quiet, today.year)
    return days


def _day_of(text: str, zone: ZoneInfo) -> date:
    return parse(text).astimezone(zone).date()


def _close(days: list[Day], quiet: list[date], year: int) -> None:
    """End a run of quiet days, newest first in `quiet`."""
    if quiet:
        newest, oldest = weekday(quiet[0], year), weekday(quiet[-1], year)
        days.append(Day(newest if newest == oldest else f"{oldest} – {newest}", ()))
        quiet.clear()


def island(snapshot: Json) -> Json:
    """The snapshot as the page's script needs it: without the sources of texts and the times of rows, and of what has
    ended with the last words alone, which are all that the page shows. What comes by events comes whole.
    """
    lists = {
        name: [_lean(item) | {"updates": [_lean(update) for update in item["updates"]]} for item in snapshot[name]]
        for name in ("incidents", "maintenances", "history")
    }
    for item in lists["history"]:
        item["updates"][1:] = [{key: u[key] for key in ("id", "status", "display_at")} for u in item["updates"][1:]]
    return {
        **snapshot,
        **lists,
        "groups": [_lean(group) for group in snapshot["groups"]],
        "components": [_lean(component) for component in snapshot["components"]],
    }


def _lean(item: Json) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key not in ("body", "updated_at")}


def length(incident: Json, now: datetime) -> str:
    end = parse(incident["resolved_at"]) if incident["resolved_at"] else now
    return lasting((end - parse(incident["started_at"])).total_seconds())


def as_of(zone: ZoneInfo, now: datetime) -> str:
    return _("as of {clock}", clock=f"{clock(now, zone)} {offset_name(now, zone)}")


def report_text(report: Json | None) -> str:
    if report is None:
        return ""
    first = date.fromisoformat(report["period_start"])
    last = date.fromisoformat(report["period_end"]) - timedelta(days=1)
    uptime = _("no data") if report["uptime"] is None else _("{uptime} uptime", uptime=percent(report["uptime"]))
    said = {"uptime": uptime, "incidents": _n("{n} incident", "{n} incidents", report["incidents"])}
    if report["kind"] == "daily":
        return _("Last daily report, {date}: {uptime}, {incidents}.", date=weekday(first, first.year), **said)
    if report["kind"] == "weekly":
        week = f"{day(first, last.year)} – {day(last, last.year)}"
        return _("Last weekly report, {date}: {uptime}, {incidents}.", date=week, **said)
    return _("Last monthly report, {date}: {uptime}, {incidents}.", date=month_title(first.year, first.month), **said)


def viewers_text(summary: Json | None) -> str:
    if summary is None or not summary["viewers"]:
        return ""
    return _n("{n} viewer now.", "{n} viewers now.", summary["viewers"])
