/** The lines of the last weekly and monthly report, which no snapshot has. Loaded when there is another one. */

import { _ } from "./messages.js";
import { monthTitle } from "./month-grid.js";
import { h } from "./morph.js";
import { reported } from "./present.js";
import { DAY_MS, day } from "./words.js";

const LONGER = {
  weekly: (first, end) => {
    const last = new Date(end - DAY_MS);
    const days = [first, last.getTime()].map((on) => day(on / DAY_MS, last.getUTCFullYear()));
    return (said) => _("Last weekly report, {date}: {uptime}, {incidents}.", { date: days.join(" – "), ...said });
  },
  monthly: (first) => (said) => _("Last monthly report, {date}: {uptime}, {incidents}.", { date: monthTitle(first), ...said }),
};

/** What `report` says: the twin of `report_text` in hub/web/present.py. */
export const longerText = (report) =>
  LONGER[report.kind](Date.parse(report.period_start), Date.parse(report.period_end))(reported(report));

/** Ask for them, and put them behind `daily`; `ask(path)` reads a REST resource of the page. */
export async function refresh(daily, ask) {
  const found = await Promise.all(Object.keys(LONGER).map((kind) => ask(`reports?kind=${kind}&limit=1`).catch(() => null)));
  if (found.includes(null)) return;
  for (const old of daily.parentElement.querySelectorAll(".report")) old.remove();
  daily.after(...found.flat().map((report) => h("p", { class: "report" }, longerText(report))));
}
