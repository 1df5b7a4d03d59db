/** Snapshot → what the page says, in the order it says it: the twin of hub/web/present.py. Pure. */

import { _, _n } from "./messages.js";
import { compareText } from "./reducer.js";
import { DAY_MS, GLYPHS, TONES, ago, lasting, percent, sentence, weekday } from "./words.js";

const SEVERITY = ["none", "maintenance", "minor", "major", "critical"];
const OPEN_GROUPS_UP_TO = 25;
const HISTORY_DAYS = 14;
const HISTORY_LIMIT = 10;
const UPCOMING_MS = 7 * DAY_MS;
const AFTERMATH_MS = 2 * 3_600_000;

const worse = (a, b) => (SEVERITY.indexOf(b) > SEVERITY.indexOf(a) ? b : a);
const at = (text) => Date.parse(text);

export function answer(snapshot, zone, now) {
  const { incidents } = snapshot;
  let severity = snapshot.status.indicator;
  let said = sentence(snapshot.status.description);
  if (incidents.length && (severity === "none" || severity === "maintenance")) {
    said = incidents[0].name;
    severity = incidents.map((incident) => incident.impact).reduce(worse, "minor");
  }
  const starts = (
    incidents.length
      ? incidents.map((incident) => incident.started_at)
      : snapshot.components.filter((c) => c.status !== "operational").map((c) => c.status_since)
  ).filter(Boolean);
  if (severity === "none" || !starts.length) return { tone: TONES[severity], sentence: said, sinceAt: null, sinceText: null };
  const sinceAt = starts.reduce((a, b) => (b < a ? b : a));
  return { tone: TONES[severity], sentence: said, sinceAt, sinceText: since(sinceAt, zone, now) };
}

export const since = (text, zone, now) =>
  _("since {moment} · {length}", { moment: `${zone.moment(at(text), now)} ${zone.offsetName(at(text))}`, length: lasting(now - at(text)) });

export function aftermath({ status, incidents, history: [last] }, now) {
  if (status.indicator !== "none" || incidents.length || !last) return "";
  const ms = now - at(last.resolved_at);
  return ms >= 0 && ms < AFTERMATH_MS ? _("{name}: resolved {ago}", { name: last.name, ago: ago(at(last.resolved_at), now) }) : "";
}

export const title = (snapshot, shown) => `${GLYPHS[shown.tone]} ${shown.sentence} · ${snapshot.page.title}`;

export function entries(snapshot) {
  const components = snapshot.components.filter((c) => !(c.only_show_if_degraded && c.status === "operational"));
  const few = components.length <= OPEN_GROUPS_UP_TO;
  const known = new Set(snapshot.groups.map((group) => group.id));
  const rows = [];
  for (const group of snapshot.groups) {
    const members = components.filter((c) => c.group_id === group.id);
    const affected = members.filter((c) => c.status !== "operational").length;
    if (members.length) rows.push({ order: group, group, components: members, isOpen: few || affected > 0, affected });
  }
  for (const c of components) {
    if (!known.has(c.group_id)) rows.push({ order: c, group: null, components: [c], isOpen: true, affected: 0 });
  }
  return rows.sort(
    ({ order: a }, { order: b }) => a.position - b.position || compareText(a.name, b.name) || compareText(a.id, b.id),
  );
}

export function maintenances(snapshot, now) {
  const running = snapshot.maintenances.filter((m) => m.status === "in_progress" || m.status === "verifying");
  const waiting = snapshot.maintenances.filter((m) => m.status === "scheduled");
  const isSoon = (m) => at(m.scheduled_for) < now + UPCOMING_MS;
  return { running, soon: waiting.filter(isSoon), later: waiting.filter((m) => !isSoon(m)) };
}

export function historyDays(snapshot, zone, now) {
  const dayOf = (text) => zone.dayNumber(at(text));
  const today = zone.dayNumber(now);
  const { year } = zone.read(now);
  const ended = snapshot.history;
  let first = today - HISTORY_DAYS + 1;
  if (ended.length >= HISTORY_LIMIT) first = Math.max(first, dayOf(ended[ended.length - 1].resolved_at));
  const byDay = new Map();
  for (const incident of [...snapshot.incidents, ...ended]) {
    const on = dayOf(incident.started_at);
    byDay.set(on, [...(byDay.get(on) ?? []), incident]);
  }
  const born = snapshot.components.map((c) => dayOf(c.created_at)).reduce((a, b) => Math.min(a, b), today);
  const days = [];
  let quiet = [];
  const close = () => {
    if (!quiet.length) return;
    const newest = weekday(quiet[0], year);
    const oldest = weekday(quiet[quiet.length - 1], year);
    days.push({ title: newest === oldest ? newest : `${oldest} – ${newest}`, incidents: [] });
    quiet = [];
  };
  const newestFirst = (a, b) => compareText(b.started_at, a.started_at) || compareText(b.id, a.id);
  for (let on = today; on >= first; on -= 1) {
    const incidents = byDay.get(on);
    if (incidents) {
      close();
      days.push({ title: weekday(on, year), incidents: incidents.sort(newestFirst) });
    } else if (on >= born) {
      quiet.push(on);
    }
  }
  close();
  return days;
}

export const incidentLength = (incident, now) =>
  lasting((incident.resolved_at ? at(incident.resolved_at) : now) - at(incident.started_at));

export const reported = (report) => ({
  uptime: report.uptime === null ? _("no data") : _("{uptime} uptime", { uptime: percent(report.uptime) }),
  incidents: _n("{n} incident", "{n} incidents", report.incidents),
});

/** Of a day; longer ones are in reports.js. */
export function reportText(report) {
  if (!report) return "";
  const first = at(report.period_start);
  const date = weekday(first / DAY_MS, new Date(first).getUTCFullYear());
  return _("Last daily report, {date}: {uptime}, {incidents}.", { date, ...reported(report) });
}

export function viewersText(summary) {
  if (!summary || !summary.viewers) return "";
  return _n("{n} viewer now.", "{n} viewers now.", summary.viewers);
}
