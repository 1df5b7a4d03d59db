"""Random lives of a page over REST, on a clock of months: every figure is what a naive reckoning by hand gives."""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest

from hub.services import schedule
from tests.support.api import Api, data_of
from tests.support.naive_uptime import (
    OPEN,
    ORDER,
    NaiveComponent,
    NaiveIncident,
    NaivePage,
    NaiveWindow,
    mean,
    midnight,
    spent,
)

PAGE = "/api/v1/pages/acme"
BEGIN = datetime(2026, 2, 3, 9, 17, tzinfo=UTC)
ZONES = ["Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo"]
BAD = ["degraded_performance", "partial_outage", "major_outage", "operational", "under_maintenance"]
MINUTE = timedelta(minutes=1)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@dataclass
class Life:
    """Operators at work, by REST; `naive` hears of all they do."""

    api: Api
    client: httpx2.AsyncClient
    naive: NaivePage
    random: random.Random
    now: datetime = BEGIN
    log: list[str] = field(default_factory=list)

    async def call(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        self.log.append(f"{self.now:%m-%d %H:%M} {method} {path} {body}")
        return data_of(await self.client.request(method, f"{PAGE}{path}", json=body), status)

    def some(self) -> list[str]:
        return self.random.sample(sorted(self.naive.components), min(len(self.naive.components), 2))

    def past(self, since: datetime | None = None) -> datetime:
        """A whole minute of the last twelve days, or between `since` and now."""
        span = int((self.now - (since or self.now - timedelta(days=12))) / MINUTE)
        return self.now - self.random.randrange(0, max(span, 1)) * MINUTE

    async def step(self) -> None:
        self.now += self.random.randrange(1, 3 * 1440) * MINUTE
        await self.keep_the_schedule()
        often = [self.set_base, self.open, self.open_past, self.update, self.update, self.plan, self.end_early]
        seldom = [self.make, self.remove, self.move_zone, self.weigh, self.date, self.take_back]
        await self.random.choice([*often, *often, *seldom, self.correct, self.correct])()

    async def keep_the_schedule(self) -> None:
        async with self.api.state["db"].begin() as session:
            due = await schedule.due(session, self.now)
        for slug, key in due:
            async with self.api.state["db"].begin() as session:
                await schedule.advance(session, slug, key, now=self.now)
        await self.hear_of_windows()

    async def hear_of_windows(self) -> None:
        """The one thing taken from the hub: when its clock began and ended a window, which other tests check."""
        for told in await self.call("GET", "/maintenances?limit=100"):
            if told["started_at"]:
                end = told["completed_at"] and instant(told["completed_at"])
                self.naive.windows[told["id"]] = NaiveWindow(told["components"], instant(told["started_at"]), end)

    async def make(self) -> None:
        start = (self.now - timedelta(days=self.random.randrange(0, 60))).date() if self.random.random() < 0.5 else None
        made = NaiveComponent(self.now, [(self.now, "operational")], start, is_public=self.random.random() < 0.7)
        body: dict[str, Any] = {"name": "x", "start_date": start and start.isoformat()}
        body |= {} if made.is_public else {"audience": "verified"}
        groups = await self.call("GET", "/groups")
        if groups and self.random.random() < 0.8:
            body["group_id"] = made.group = self.random.choice(groups)["id"]
        key = (await self.call("POST", "/components", body, 201))["id"]
        self.naive.components[key] = made
        self._told_start(made)

    def _told_start(self, item: NaiveComponent) -> None:
        if item.start_date is not None:
            start = midnight(item.start_date, self.naive.zone)
            item.told_since = min(start, item.told_since or start)

    async def remove(self) -> None:
        if len(self.naive.components) > 3:
            key = self.some()[0]
            await self.call("DELETE", f"/components/{key}")
            del self.naive.components[key]

    async def set_base(self) -> None:
        for key in self.some():
            status = self.random.choice(BAD)
            await self.call("PATCH", f"/components/{key}", {"status": status})
            self.naive.components[key].base.append((self.now, status))

    async def date(self) -> None:
        key = self.some()[0]
        day = (self.now - timedelta(days=self.random.randrange(0, 100))).date()
        await self.call("PATCH", f"/components/{key}", {"start_date": day.isoformat()})
        self.naive.components[key].start_date = day
        self._told_start(self.naive.components[key])

    async def move_zone(self) -> None:
        zone = self.random.choice(ZONES)
        await self.call("PATCH", "", {"time_zone": zone})
        self.naive.zone = zone
        for item in self.naive.components.values():
            self._told_start(item)

    async def weigh(self) -> None:
        weights = {name: round(self.random.random(), 3) for name in self.random.sample(sorted(self.naive.weights), 2)}
        await self.call("PATCH", "", {"weights": weights})
        self.naive.weights |= weights

    async def open(self) -> None:
        started = self.random.choice([self.now, self.past()])
        words = {key: self.random.choice(BAD) for key in self.some()}
        body = {"name": "x", "body": "x", "status": "investigating", "components": words}
        told = await self.call("POST", "/incidents", body | {"started_at": started.isoformat()}, 201)
        self.naive.incidents[told["id"]] = NaiveIncident(started, None, [(started, "investigating", words)])

    async def open_past(self) -> None:
        start = self.past()
        end = self.past(start)
        words = {key: self.random.choice(BAD) for key in self.some()}
        body = {"name": "x", "body": "x", "status": "resolved", "components": words}
        times = {"started_at": start.isoformat(), "resolved_at": end.isoformat()}
        told = await self.call("POST", "/incidents", body | times, 201)
        self.naive.incidents[told["id"]] = NaiveIncident(start, end, [(end, "resolved", words)])

    async def update(self) -> None:
        opened = [(key, item) for key, item in self.naive.incidents.items() if self.random.random() < 0.5]
        if not opened:
            return
        key, incident = opened[-1]
        last_at, state, _ = incident.updates[-1]
        if state not in OPEN and self.random.random() < 0.7:
            return
        after = last_at + MINUTE
        at = self.past(after) if self.random.random() < 0.5 and after < self.now else None
        state = self.random.choice(["identified", "monitoring", "resolved", "resolved"])
        words = {item: self.random.choice(BAD) for item in self.some()} if self.random.random() < 0.6 else {}
        body: dict[str, Any] = {"status": state, "body": "x", "components": words}
        body |= {} if at is None else {"display_at": at.isoformat()}
        told = await self.call("POST", f"/incidents/{key}/updates", body, 201)
        self.hear(incident, instant(told["display_at"]), state, words)
        shown = await self.call("GET", f"/incidents/{key}")
        assert (shown["resolved_at"] and instant(shown["resolved_at"])) == incident.resolved_at

    def hear(self, incident: NaiveIncident, at: datetime, state: str, words: dict[str, str]) -> None:
        """What an update, posted last, says and does not say."""
        was_open = incident.updates[-1][1] in OPEN
        if state in OPEN and not was_open:  # what it held before its end it holds again, unless this update says more
            held: dict[str, str] = {}
            for _, told_state, said in incident.updates:
                if told_state in OPEN or len(incident.updates) == 1:
                    held.update(said)
            last = {item: word for _, _, said in incident.updates for item, word in said.items()}
            for item, word in held.items():
                if item in self.naive.components and last[item] == "operational" and word != "operational":
                    words = {item: word} | words
        if state not in OPEN:
            for item, word in words.items():
                if word != "operational" or not was_open:
                    self._hand_over(item, word, at)
        if state not in OPEN and was_open:
            named = {item for _, _, said in incident.updates for item in said}
            words = {item: "operational" for item in named if item in self.naive.components} | words
        incident.updates.append((at, state, words))
        if state in OPEN:
            incident.resolved_at = None
        elif was_open:
            incident.resolved_at = at

    def _hand_over(self, key: str, word: str, at: datetime) -> None:
        base = self.naive.components[key].base
        if word != base[-1][1]:
            self.naive.components[key].base = [item for item in base if item[0] < at] + [(at, word)]

    async def plan(self) -> None:
        start = self.now + self.random.randrange(-100, 4000) * MINUTE
        end = max(start, self.now) + self.random.randrange(1, 2000) * MINUTE
        body = {"name": "x", "body": "x", "components": self.some()}
        times = {"scheduled_for": start.isoformat(), "scheduled_until": end.isoformat()}
        await self.call("POST", "/maintenances", body | times, 201)
        await self.keep_the_schedule()

    async def end_early(self) -> None:
        for told in await self.call("GET", "/maintenances?limit=100"):
            if told["status"] == "in_progress" and self.random.random() < 0.5:
                await self.call("POST", f"/maintenances/{told['id']}/finish", {})
            elif told["status"] == "completed" and self.random.random() < 0.1:
                await self.call("DELETE", f"/maintenances/{told['id']}")
                self.naive.windows.pop(told["id"], None)
        await self.hear_of_windows()

    async def correct(self) -> None:
        """Other times for an incident: it began, or was over, earlier or later than was told."""
        for key, item in list(self.naive.incidents.items())[-3:]:
            if item.resolved_at is not None and self.random.random() < 0.5:
                end = self.past(item.started_at)
                await self.call("PATCH", f"/incidents/{key}", {"resolved_at": end.isoformat()})
                item.resolved_at = end
            else:
                latest = min(item.updates[0][0], item.resolved_at or self.now)
                start = latest - self.random.randrange(0, 3000) * MINUTE
                await self.call("PATCH", f"/incidents/{key}", {"started_at": start.isoformat()})
                item.started_at = start

    async def take_back(self) -> None:
        if self.naive.incidents:
            key = self.random.choice(sorted(self.naive.incidents))
            await self.call("DELETE", f"/incidents/{key}")
            del self.naive.incidents[key]

    async def compare(self, client: httpx2.AsyncClient, keys: list[str], at: datetime | None = None) -> None:
        """Everything that `/uptime` says to somebody who may see `keys`, now or as it stood at an instant."""
        asked = {"days": 90, "windows": "1h,24h,7d,30d"} | ({} if at is None else {"at": at.isoformat()})
        told = data_of(await client.get(f"{PAGE}/uptime", params=asked))
        now = at or self.now
        zone = self.naive.zone
        today = now.astimezone(ZoneInfo(zone)).date()
        days = [today - timedelta(days=back) for back in range(89, -1, -1)]
        assert (told["period_start"], told["period_end"]) == (days[0].isoformat(), today.isoformat())
        assert told["weights"] == self.naive.weights
        assert sorted(item["id"] for item in told["components"]) == sorted(keys)
        windows = {
            "1h": (told["windows"]["1h"], now - timedelta(hours=1)),
            "24h": (told["windows"]["24h"], now - timedelta(hours=24)),
            "7d": (told["windows"]["7d"], midnight(days[-7], zone)),
            "30d": (told["windows"]["30d"], midnight(days[-30], zone)),
            "90d": (told, midnight(days[0], zone)),
        }
        histories = {key: self.naive.history(key, now) for key in keys}
        for name, (window, since) in windows.items():
            figures = {key: spent(history, since, now) for key, history in histories.items()}
            for item in window["components"]:
                self.same_figure(item, figures[item["id"]], f"{name} of {item['id']}")
            self.same_mean(window, figures, f"{name} of the page")
            for group in window["groups"]:
                members = [key for key in keys if self.naive.components[key].group == group["id"]]
                mine = {key: figures[key] for key in members}
                self.same_mean(group, mine, f"{name} of a group")
        for item in told["components"]:
            assert [bar["date"] for bar in item["days"]] == [day.isoformat() for day in days]
            for bar, day in zip(item["days"], days, strict=True):
                until = min(midnight(day + timedelta(days=1), zone), now)
                figure = spent(histories[item["id"]], midnight(day, zone), until)
                down = figure["partial_outage"] + figure["major_outage"]
                worst = max((status for status in figure if figure[status]), key=ORDER.index, default=None)
                assert bar == {
                    "date": day.isoformat(),
                    "ratio": pytest.approx(self.naive.ratio(figure), abs=1e-9),
                    "worst": worst,
                    "downtime_s": pytest.approx(down / 1e6, abs=0.51),
                    "no_data": worst is None,
                }, (item["id"], *self.log[-60:])

    def same_figure(self, item: dict[str, Any], figure: Counter[str], what: str) -> None:
        wanted = {name: us / 1e6 for name, us in figure.items() if us}
        assert item["seconds"] == pytest.approx(wanted, abs=0.51), (what, wanted, *self.log)
        assert item["ratio"] == pytest.approx(self.naive.ratio(figure), abs=1e-9), what
        without = self.naive.ratio(figure, without_maintenance=True)
        assert item["ratio_excluding_maintenance"] == pytest.approx(without, abs=1e-9), what

    def same_mean(self, item: dict[str, Any], figures: dict[str, Counter[str]], what: str) -> None:
        wanted = mean([self.naive.ratio(figure) for figure in figures.values()])
        assert item["ratio"] == pytest.approx(wanted, abs=1e-9), what
        wanted = mean([self.naive.ratio(figure, without_maintenance=True) for figure in figures.values()])
        assert item["ratio_excluding_maintenance"] == pytest.approx(wanted, abs=1e-9), what


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
async def test_figures_are_what_one_reckons_by_hand(
    api: Api, admin: httpx2.AsyncClient, page: dict, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = {"name": "figures", "pages": [page["slug"]], "scopes": ["admin", "incidents:write", "status:write"]}
    machine = data_of(await admin.post("/api/v1/keys", json=key), 201)["key"]
    naive = NaivePage("Etc/UTC", {"major_outage": 1.0, "partial_outage": 0.3, "degraded_performance": 0.0})
    life = Life(api, api.client({"Authorization": f"Bearer {machine}"}), naive, random.Random(seed))
    monkeypatch.setattr(api.state["clock"], "now", lambda: life.now)
    for name in ("One", "Two"):
        await life.call("POST", "/groups", {"name": name}, 201)
    for _ in range(3):
        await life.make()
    for _ in range(8):
        for _ in range(7):
            await life.step()
        await life.compare(life.client, sorted(naive.components))
        await life.compare(life.client, sorted(naive.components), at=life.past())
    public = [key for key, item in naive.components.items() if item.is_public]
    await life.compare(api.anonymous, sorted(public))
