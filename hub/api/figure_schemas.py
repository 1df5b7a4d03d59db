"""Queries and answers about uptime and reports."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from hub.api.fields import Day, DayText, Id, Instant, InstantText, Limit, Out, Query
from hub.domain.report import ReportKind
from hub.domain.status import Status
from hub.errors import Invalid
from hub.services.uptime import Stretch

MAX_DAYS, MAX_HOURS, MAX_WINDOWS = 366, 168, 8


def _windows(text: str) -> str:
    """`24h,7d,30d`, checked; raises ValueError in words for the caller."""
    stretches(text)
    return text


def stretches(text: str) -> list[Stretch]:
    """The windows that `text` asks for, each once."""
    names = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if len(names) > MAX_WINDOWS:
        raise ValueError(f"asks for more than {MAX_WINDOWS} windows")
    found = []
    for name in names:
        count, unit = name[:-1], name[-1]
        is_number = count.isascii() and count.isdecimal() and len(count) <= 3
        if unit not in "hd" or not is_number or not 1 <= int(count) <= (MAX_HOURS if unit == "h" else MAX_DAYS):
            raise ValueError(f"must be hours up to {MAX_HOURS}h or days up to {MAX_DAYS}d, such as 24h,7d,30d,90d")
        found.append(Stretch(name, hours=int(count)) if unit == "h" else Stretch(name, days=int(count)))
    return found


class FiguresQuery(Query):
    """`at`: as it stood at an instant in the past, by what is known of it now."""

    at: Instant | None = None

    def moment(self, now: datetime) -> datetime:
        """The instant asked about; Invalid where it is still to come."""
        if self.at is not None and self.at > now:
            raise Invalid(fields={"at": "is in the future"})
        return self.at or now


class UptimeQuery(FiguresQuery):
    """`windows`: further windows that end now, such as `24h,7d,30d,90d`: hours slide, days are the page's."""

    days: Annotated[int, Field(ge=1, le=MAX_DAYS)] = 90
    component: Id | None = None
    windows: Annotated[str, AfterValidator(_windows)] = ""


class OfComponent(FiguresQuery):
    """`component` is needed, which is said once the page has been found: an absent page is absent whatever is asked."""

    component: Id | None = None
    day: Annotated[Day | None, Field(alias="date")] = None

    def of(self) -> str:
        """The component; Invalid where none is named."""
        if self.component is None:
            raise Invalid(fields={"component": "is needed"})
        return self.component


class HoursQuery(OfComponent):
    """One `date`."""

    def date(self) -> Day:
        """Invalid where none is given."""
        if self.day is None:
            raise Invalid(fields={"date": "is needed"})
        return self.day


class OutagesQuery(OfComponent):
    """One `date`, or the days `from` to `to`, both included."""

    since: Annotated[Day | None, Field(alias="from")] = None
    to: Day | None = None

    def bounds(self) -> tuple[Day, Day]:
        """The first and the last day; Invalid when it is not said which."""
        if self.day is not None and self.since is None and self.to is None:
            return self.day, self.day
        if self.day is not None or self.since is None:
            raise Invalid(fields={"date": "give either `date`, or `from` and `to`"})
        last = self.to or self.since
        if not 0 <= (last - self.since).days < MAX_DAYS:
            raise Invalid(fields={"to": f"must not lie before `from`, nor {MAX_DAYS} days or more after it"})
        return self.since, last


class ReportsQuery(Query):
    """`before`: only periods that begin before this day."""

    kind: ReportKind = ReportKind.DAILY
    before: Day | None = None
    limit: Limit = 30


class DayOut(Out):
    date: DayText
    ratio: float | None
    worst: Status | None
    downtime_s: int
    no_data: bool


class FigureOut(Out):
    """`ratio_excluding_maintenance`: with the time under maintenance taken out of the known time."""

    ratio: float | None
    ratio_excluding_maintenance: float | None
    downtime_s: int
    seconds: dict[Status, int]


class ComponentFigureOut(FigureOut):
    id: str


class ComponentUptimeOut(ComponentFigureOut):
    name: str
    group_id: str | None
    days: list[DayOut]


class GroupUptimeOut(Out):
    """The plain mean of the components of the group that have data."""

    id: str
    name: str
    ratio: float | None
    ratio_excluding_maintenance: float | None


class WindowOut(Out):
    ratio: float | None
    ratio_excluding_maintenance: float | None
    groups: list[GroupUptimeOut]
    components: list[ComponentFigureOut]


class UptimeOut(Out):
    """Ratios are 0..1, null without data. Days are those of the page's zone; `period_end` is today."""

    days: int
    period_start: DayText
    period_end: DayText
    time_zone: str
    weights: dict[Status, float]
    ratio: float | None
    ratio_excluding_maintenance: float | None
    groups: list[GroupUptimeOut]
    components: list[ComponentUptimeOut]
    windows: dict[str, WindowOut]


class TellerOut(Out):
    id: str
    name: str


class OutageOut(Out):
    """A stretch in which a component was not operational; `length_s` counts what lies in the days asked for."""

    status: Status
    start: InstantText
    end: InstantText | None
    length_s: int
    incidents: list[TellerOut]
    maintenances: list[TellerOut]


class HourOut(Out):
    """`local`: the start by the page's clock, with its distance from UTC."""

    start: InstantText
    end: InstantText
    local: str
    ratio: float | None
    worst: Status | None
    downtime_s: int
    no_data: bool
    seconds: dict[Status, int]


class ComponentReportOut(Out):
    id: str
    name: str
    uptime: float | None
    downtime_s: int


class ReportOut(Out):
    """`weights`, `time_zone`: those of the page when the report was made; they stay its own.

    The zone is null in reports from before it was kept.
    """

    kind: str
    period_start: DayText
    period_end: DayText
    computed_at: InstantText
    time_zone: str | None
    weights: dict[Status, float]
    uptime: float | None
    incidents: int
    maintenances: int
    downtime_s: int
    components: list[ComponentReportOut]
