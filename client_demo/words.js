/** Words and times of the pages: the twin of hub/web/words.py. Pure; times are read in the page's own zone. */

import { _ } from "./messages.js";

export const STATUS_WORDS = {
  operational: _("Operational"),
  degraded_performance: _("Degraded performance"),
  partial_outage: _("Partial outage"),
  major_outage: _("Major outage"),
  under_maintenance: _("Under maintenance"),
};
export const STATUSES = Object.keys(STATUS_WORDS);
export const UPDATE_WORDS = {
  investigating: _("Investigating"), identified: _("Identified"), monitoring: _("Monitoring"), resolved: _("Resolved"), postmortem: _("Postmortem"),
  scheduled: _("Scheduled"), in_progress: _("In progress"), verifying: _("Verifying"), completed: _("Completed"),
};
export const IMPACT_WORDS = { none: _("No impact"), maintenance: _("Maintenance"), minor: _("Minor impact"), major: _("Major impact"), critical: _("Critical impact") };
const SENTENCES = {
  "All Systems Operational": _("All Systems Operational"),
  "Degraded System Service": _("Degraded System Service"),
  "Major System Outage": _("Major System Outage"),
  "Minor Service Outage": _("Minor Service Outage"),
  "Partial System Outage": _("Partial System Outage"),
  "Partially Degraded Service": _("Partially Degraded Service"),
  "Service Under Maintenance": _("Service Under Maintenance"),
};
export const TONES = {
  none: "operational", minor: "degraded_performance", major: "partial_outage", critical: "major_outage", maintenance: "under_maintenance",
};
export const GLYPHS = {
  operational: "●", degraded_performance: "◐", partial_outage: "▲", major_outage: "■", under_maintenance: "◆",
};
const MONTHS = [
  _("Jan"), _("Feb"), _("Mar"), _("Apr"), _("May"), _("Jun"),
  _("Jul"), _("Aug"), _("Sep"), _("Oct"), _("Nov"), _("Dec"),
];
export const WEEKDAYS = [_("Sun"), _("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat")];
export const DAY_MS = 86_400_000;

const two = (number) => String(number).padStart(2, "0");

/** Formats instants (milliseconds) in one IANA zone. Making a formatter is dear, so one page makes one. */
export class Zone {
  #format;

  constructor(name) {
    this.name = name;
    this.#format = new Intl.DateTimeFormat("en-GB", {
      timeZone: name, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric",
    });
  }

  /** {year, month, day, hour, minute} on the clocks of the zone. */
  read(at) {
    const parts = {};
    for (const { type, value } of this.#format.formatToParts(at)) parts[type] = Number(value);
    return parts;
  }

  /** The date as whole days since 1970: dates compare and subtract as numbers. */
  dayNumber(at) {
    const { year, month, day } = this.read(at);
    return Date.UTC(year, month - 1, day) / DAY_MS;
  }

  clock(at) {
    const { hour, minute } = this.read(at);
    return `${two(hour)}:${two(minute)}`;
  }

  moment(at, now) {
    const number = this.dayNumber(at);
    if (number === this.dayNumber(now)) return this.clock(at);
    return _("{date}, {clock}", { date: day(number, this.read(now).year), clock: this.clock(at) });
  }

  offsetName(at) {
    const p = this.read(at);
    const minutes = Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute) / 60_000 - Math.floor(at / 60_000);
    if (minutes === 0) return "UTC";
    const hours = Math.floor(Math.abs(minutes) / 60);
    const rest = Math.abs(minutes) % 60;
    return `UTC${minutes > 0 ? "+" : "-"}${hours}${rest ? `:${two(rest)}` : ""}`;
  }

  window(start, end, now) {
    const { year } = this.read(now);
    const a = this.dayNumber(start);
    const b = this.dayNumber(end);
    const full = (number, at) => _("{date}, {clock}", { date: weekday(number, year), clock: this.clock(at) });
    return `${full(a, start)} – ${a === b ? this.clock(end) : full(b, end)} ${this.offsetName(end)}`;
  }
}

export function day(number, thisYear) {
  const date = new Date(number * DAY_MS);
  const parts = { day: date.getUTCDate(), month: MONTHS[date.getUTCMonth()], year: date.getUTCFullYear() };
  return parts.year === thisYear ? _("{day} {month}", parts) : _("{day} {month} {year}", parts);
}

export const weekday = (number, thisYear) =>
  _("{weekday} {date}", { weekday: WEEKDAYS[new Date(number * DAY_MS).getUTCDay()], date: day(number, thisYear) });

/** `12 min`, `1 h 12 min`, `2 d 3 h`: two units at most, rounded down. */
export function lasting(ms) {
  const all = Math.floor(Math.max(ms, 0) / 60_000);
  if (all < 1) return _("less than a minute");
  const [days, hours, minutes] = [Math.floor(all / 1440), Math.floor(all / 60) % 24, all % 60];
  const shown = [days && _("{n} d", { n: days }), hours && _("{n} h", { n: hours }), !days && minutes && _("{n} min", { n: minutes })];
  return shown.filter(Boolean).join(" ");
}

export function ago(at, now) {
  const ms = now - at;
  if (Math.abs(ms) < 60_000) return _("just now");
  return ms > 0 ? _("{length} ago", { length: lasting(ms) }) : _("in {length}", { length: lasting(-ms) });
}

/** Cut, never rounded up, so that an outage never shows as 100 %. */
export function percent(ratio) {
  const hundredths = Math.floor(ratio * 10_000 + 1e-6);
  if (hundredths >= 10_000) return _("{number} %", { number: 100 });
  return _("{number} %", { number: `${Math.floor(hundredths / 100)}${_(".")}${two(hundredths % 100)}` });
}

/** The page's roll-up as the visitor reads it; any other text as it is. */
export const sentence = (description) => SENTENCES[description] ?? description;
