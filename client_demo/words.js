/** Words and times of the pages: the twin of hub/web/words.py. Pure; times are read in the page's own zone. */

export const STATUS_WORDS = {
  operational: "Operational",
  degraded_performance: "Degraded performance",
  partial_outage: "Partial outage",
  major_outage: "Major outage",
  under_maintenance: "Under maintenance",
};
export const STATUSES = Object.keys(STATUS_WORDS);
export const UPDATE_WORDS = {
  investigating: "Investigating", identified: "Identified", monitoring: "Monitoring", resolved: "Resolved", postmortem: "Postmortem",
  scheduled: "Scheduled", in_progress: "In progress", verifying: "Verifying", completed: "Completed",
};
export const IMPACT_WORDS = { none: "No impact", minor: "Minor impact", major: "Major impact", critical: "Critical impact" };
export const TONES = {
  none: "operational", minor: "degraded_performance", major: "partial_outage", critical: "major_outage", maintenance: "under_maintenance",
};
export const GLYPHS = {
  operational: "●", degraded_performance: "◐", partial_outage: "▲", major_outage: "■", under_maintenance: "◆",
};
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
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
    return number === this.dayNumber(now) ? this.clock(at) : `${day(number, this.read(now).year)}, ${this.clock(at)}`;
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
    const last = a === b ? this.clock(end) : `${weekday(b, year)}, ${this.clock(end)}`;
    return `${weekday(a, year)}, ${this.clock(start)} – ${last} ${this.offsetName(end)}`;
  }
}

export function day(number, thisYear) {
  const date = new Date(number * DAY_MS);
  const text = `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
  return date.getUTCFullYear() === thisYear ? text : `${text} ${date.getUTCFullYear()}`;
}

export const weekday = (number, thisYear) =>
  `${WEEKDAYS[new Date(number * DAY_MS).getUTCDay()]} ${day(number, thisYear)}`;

/** `12 min`, `1 h 12 min`, `2 d 3 h`: two units at most, rounded down. */
export function lasting(ms) {
  const minutes = Math.floor(Math.max(ms, 0) / 60_000);
  if (minutes < 1) return "less than a minute";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return hours % 24 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${hours / 24} d`;
}

export function ago(at, now) {
  const ms = now - at;
  if (Math.abs(ms) < 60_000) return "just now";
  return ms > 0 ? `${lasting(ms)} ago` : `in ${lasting(-ms)}`;
}

/** Cut, never rounded up, so that an outage never shows as 100 %. */
export function percent(ratio) {
  const hundredths = Math.floor(ratio * 10_000 + 1e-6);
  return hundredths >= 10_000 ? "100 %" : `${Math.floor(hundredths / 100)}.${two(hundredths % 100)} %`;
}
