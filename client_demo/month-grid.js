/** The months in which maintenance is planned: the twin of hub/web/month_grid.py. Loaded when what is planned changes. */

import { language } from "./messages.js";
import { h } from "./morph.js";
import { DAY_MS, WEEKDAYS, weekday } from "./words.js";

const MONTHS_AT_MOST = 3;
const monthOf = (number) => new Date(number * DAY_MS).toISOString().slice(0, 7);

/** The grids as elements, like `calendar` in hub/web/templates/_macros.html. */
export function months(maintenances, zone, now) {
  const today = zone.dayNumber(now);
  const { year } = zone.read(now);
  const planned = new Map();
  for (const m of maintenances) {
    const last = zone.dayNumber(Date.parse(m.scheduled_until) - 1);
    for (let on = Math.max(zone.dayNumber(Date.parse(m.scheduled_for)), today); on <= last; on += 1) {
      if (new Set([...planned.keys()].map(monthOf)).size > MONTHS_AT_MOST) break;
      planned.set(on, [...(planned.get(on) ?? []), m]);
    }
  }
  return [...new Set([...planned.keys()].map(monthOf))].sort().slice(0, MONTHS_AT_MOST).map((month) => grid(month, planned, today, year));
}

/** `November 2026`, of any instant of the month. */
export const monthTitle = (at) =>
  new Intl.DateTimeFormat(language, { year: "numeric", month: "long", timeZone: "UTC" }).format(at).replace(/\s/g, " ");

function grid(month, planned, today, thisYear) {
  const first = Date.parse(`${month}-01`) / DAY_MS;
  const weeks = [];
  for (let monday = first - ((first + 3) % 7); weeks.length === 0 || monthOf(monday) === month; monday += 7) {
    weeks.push([0, 1, 2, 3, 4, 5, 6].map((step) => cell(monday + step, month, planned, today, thisYear)));
  }
  return h(
    "table", {},
    h("caption", {}, monthTitle(first * DAY_MS)),
    h("thead", {}, h("tr", {}, [1, 2, 3, 4, 5, 6, 0].map((index) => h("th", { scope: "col" }, WEEKDAYS[index])))),
    h("tbody", {}, weeks.map((week) => h("tr", {}, week))),
  );
}

function cell(on, month, planned, today, thisYear) {
  if (monthOf(on) !== month) return h("td", {});
  const number = String(new Date(on * DAY_MS).getUTCDate());
  const items = planned.get(on);
  const current = on === today && "date";
  if (!items) return h("td", { "aria-current": current }, number);
  const said = `${weekday(on, thisYear)}: ${items.map((m) => m.name).join(", ")}`;
  return h("td", { "aria-current": current }, h("a", { href: `#maintenance-${items[0].id}`, "aria-label": said, title: said }, number));
}
