"""The maintenance calendar through `ical.js`, which calendars of browsers and phones are made with (case 115)."""

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

from hub.domain.text import iso
from hub.feeds.entries import Site
from hub.feeds.ical import render_calendar
from tests.support.npm import node_modules

PACKAGES = ("ical.js@2.2.1",)
SITE = Site("https://hub.example/p/acme", "hub.example", "/p/acme")
START = datetime(2026, 10, 18, 1, tzinfo=UTC)  # a Sunday, 03:00 in Berlin
READ = """
import ICAL from "ical.js";
const root = new ICAL.Component(ICAL.parse(await new Promise((done) => {
  let text = ""; process.stdin.on("data", (part) => { text += part; }).on("end", () => done(text));
})));
for (const zone of root.getAllSubcomponents("vtimezone")) ICAL.TimezoneService.register(new ICAL.Timezone(zone));
const found = root.getAllSubcomponents("vevent").map((component) => {
  const event = new ICAL.Event(component);
  const starts = [];
  if (event.isRecurring()) {
    const iterator = event.iterator();
    for (let at = iterator.next(); at && starts.length < 30; at = iterator.next()) {
      starts.push(at.toJSDate().toISOString());
    }
  } else starts.push(event.startDate.toJSDate().toISOString());
  return { summary: event.summary, description: event.description, minutes: event.duration.toSeconds() / 60, starts };
});
console.log(JSON.stringify(found));
"""


def test_a_weekly_window_stays_at_three_in_the_morning_of_the_pages_zone_through_both_changes_of_the_clocks():
    """Case 115. Also on the two Sundays themselves, at the very hour."""
    item = {
        "id": "m1", "name": "Umbau, groß", "body": "Erst;\ndann 🔥", "status": "scheduled", "scheduled_for": iso(START),
        "scheduled_until": iso(START + timedelta(minutes=90)), "rrule": "FREQ=WEEKLY;COUNT=30", "series_id": "m1",
        "sequence": 0, "cancelled_at": None, "created_at": iso(START), "updated_at": iso(START), "components": [],
    }  # fmt: skip
    single = {**item, "id": "m2", "rrule": None, "series_id": None, "name": "Once"}
    document = render_calendar({"title": "Acme", "time_zone": "Europe/Berlin"}, [item, single], {}, SITE)
    modules = node_modules("calendars", PACKAGES)
    done = subprocess.run(
        [shutil.which("node") or "node", "--input-type=module", "--eval", READ],
        input=document, capture_output=True, cwd=modules.parent, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    series, once = json.loads(done.stdout)
    assert (series["summary"], series["description"], series["minutes"]) == ("Umbau, groß", "Erst;\ndann 🔥", 90)
    summer = {n for n in range(30) if n < 1 or n >= 23}  # until 25 October 2026, and from 28 March 2027 on
    wanted = [START + timedelta(weeks=n, hours=0 if n in summer else 1) for n in range(30)]
    assert series["starts"] == [iso(at) for at in wanted]
    assert once["starts"] == [iso(START)]
