/** When a maintenance comes again: simple controls ⇄ RRULE (RFC 5545). The dates that follow come from the server. */

import { field, select } from "./forms.js";
import { h } from "./morph.js";
import { DAY_MS, day } from "./words.js";

const FREQUENCIES = { "": "Once", DAILY: "Every day", WEEKLY: "Every week", MONTHLY: "Every month", YEARLY: "Every year" };
const UNITS = { DAILY: ["day", "days"], WEEKLY: ["week", "weeks"], MONTHLY: ["month", "months"], YEARLY: ["year", "years"] };
const DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
const DAY_WORDS = { MO: "Mon", TU: "Tue", WE: "Wed", TH: "Thu", FR: "Fri", SA: "Sat", SU: "Sun" };
const PLACES = { 1: "first", 2: "second", 3: "third", 4: "fourth", "-1": "last" };
const WEEK = 7;

/** {day of the month, "SU", which of its kind in the month, whether the last} of a local date `2026-11-29…`; null of none. */
export function placeOf(local) {
  const [year, month, date] = local.slice(0, 10).split("-").map(Number);
  if (!date) return null;
  const at = new Date(Date.UTC(year, month - 1, date));
  const inMonth = new Date(Date.UTC(year, month, 0)).getUTCDate();
  return { date, weekday: DAYS[(at.getUTCDay() + 6) % WEEK], nth: Math.ceil(date / WEEK), isLast: date + WEEK > inMonth };
}

/** The rule of `{freq, interval, days, monthly: "date" | "nth" | "last", ends: "never" | "on" | "after", until, count}`. */
export function ruleOf(choice, start) {
  if (!choice.freq) return null;
  const place = placeOf(start);
  const parts = [`FREQ=${choice.freq}`];
  if (choice.interval > 1) parts.push(`INTERVAL=${choice.interval}`);
  if (choice.freq === "WEEKLY" && choice.days.length) parts.push(`BYDAY=${DAYS.filter((name) => choice.days.includes(name)).join(",")}`);
  if (choice.freq === "MONTHLY" && place && choice.monthly === "nth") parts.push(`BYDAY=${place.nth}${place.weekday}`);
  if (choice.freq === "MONTHLY" && place && choice.monthly === "last") parts.push(`BYDAY=-1${place.weekday}`);
  if (choice.ends === "after" && choice.count > 0) parts.push(`COUNT=${choice.count}`);
  if (choice.ends === "on" && choice.until) parts.push(`UNTIL=${choice.until.replaceAll("-", "")}T235959`);
  return parts.join(";");
}

/** The choice that makes `rule`, null for one that these controls cannot make. */
export function choiceOf(rule, start) {
  const choice = { freq: "", interval: 1, days: [], monthly: "date", ends: "never", until: "", count: 10 };
  if (!rule) return choice;
  const parts = Object.fromEntries(rule.split(";").filter(Boolean).map((part) => part.split("=")));
  choice.freq = parts.FREQ;
  choice.interval = Number(parts.INTERVAL ?? 1);
  if (parts.COUNT) Object.assign(choice, { ends: "after", count: Number(parts.COUNT) });
  const until = /^(\d{4})(\d\d)(\d\d)T235959$/.exec(parts.UNTIL ?? "");
  if (until) Object.assign(choice, { ends: "on", until: until.slice(1).join("-") });
  if (parts.BYDAY && parts.FREQ === "WEEKLY") choice.days = parts.BYDAY.split(",");
  else if (parts.BYDAY) choice.monthly = parts.BYDAY.startsWith("-1") ? "last" : "nth";
  return ruleOf(choice, start) === rule ? choice : null;
}

/** `every 2 weeks on Mon, Thu, 5 times`; a rule that these controls cannot make as it is. */
export function ruleWords(rule, start) {
  const choice = choiceOf(rule, start);
  if (!rule || !choice) return rule ? `by the rule ${rule}` : "";
  const [one, many] = UNITS[choice.freq];
  const place = placeOf(start);
  const words = [choice.interval > 1 ? `every ${choice.interval} ${many}` : `every ${one}`];
  if (choice.days.length) words.push(`on ${choice.days.map((name) => DAY_WORDS[name]).join(", ")}`);
  if (choice.freq === "MONTHLY" && place) words.push(monthlyWords(choice.monthly, place));
  if (choice.ends === "after") words.push(choice.count === 1 ? "once more" : `${choice.count} times`);
  if (choice.ends === "on") words.push(`until ${day(Date.parse(choice.until) / DAY_MS)}`);
  return words.join(" ");
}

const monthlyWords = (kind, place) =>
  kind === "date" ? `on day ${place.date}` : `on the ${PLACES[kind === "last" ? -1 : place.nth]} ${DAY_WORDS[place.weekday]}`;

export class Recurrence {
  /** `start`: the control of the first window's beginning. */
  constructor(start, rule = null) {
    this.start = start;
    this.other = choiceOf(rule, start.value) ? null : rule; // kept as it is until something else is chosen
    const choice = choiceOf(rule, start.value) ?? { freq: "OTHER", interval: 1, days: [], monthly: "date", ends: "never", until: "", count: 10 };
    this.freq = select({ ...FREQUENCIES, ...(this.other ? { OTHER: `By a rule of its own: ${this.other}` } : {}) }, choice.freq);
    this.interval = h("input", { type: "number", min: "1", max: "99", value: String(choice.interval), inputmode: "numeric" });
    this.days = DAYS.map((name) => {
      const box = h("input", { type: "checkbox", name: `rrule.${name}`, checked: choice.days.includes(name) });
      return [name, box, h("label", { class: "weekday" }, box, h("span", {}, DAY_WORDS[name]))];
    });
    this.monthly = select({ date: "", nth: "", last: "" }, choice.monthly);
    this.ends = select({ never: "Never", on: "On a day", after: "After a number of times" }, choice.ends);
    this.until = h("input", { type: "date", value: choice.until });
    this.count = h("input", { type: "number", min: "1", max: "999", value: String(choice.count), inputmode: "numeric" });
    this.weekdays = h("fieldset", { class: "weekdays field" }, h("legend", {}, "On"), h("div", {}, this.days.map(([, , label]) => label)), h("p", { class: "hint" }, "None: on the weekday of the first."));
    this.parts = {
      interval: field("rrule.interval", "Every", this.interval), monthly: field("rrule.monthly", "On", this.monthly),
      ends: field("rrule.ends", "Ends", this.ends), until: field("rrule.until", "Last day", this.until), count: field("rrule.count", "Times in all", this.count),
    };
    this.element = h(
      "div", { class: "recurrence" }, field("rrule", "Comes again", this.freq),
      h("div", { class: "more" }, h("div", { class: "pair" }, this.parts.interval, this.parts.monthly), this.weekdays, h("div", { class: "pair" }, this.parts.ends, this.parts.until, this.parts.count)),
    );
    this.element.addEventListener("input", () => this.draw());
    start.addEventListener("input", () => this.draw());
    this.draw();
  }

  draw() {
    const freq = this.freq.value;
    this.element.querySelector(".more").hidden = !freq || freq === "OTHER";
    this.weekdays.hidden = freq !== "WEEKLY";
    this.parts.monthly.hidden = freq !== "MONTHLY";
    this.parts.until.hidden = this.ends.value !== "on";
    this.parts.count.hidden = this.ends.value !== "after";
    if (UNITS[freq]) this.parts.interval.querySelector("label").textContent = `Every … ${UNITS[freq][1]}`;
    const place = placeOf(this.start.value);
    if (!place) return;
    const [date, nth, last] = this.monthly.options;
    date.textContent = monthlyWords("date", place);
    nth.textContent = monthlyWords("nth", { ...place, nth: Math.min(place.nth, 4) });
    nth.hidden = nth.disabled = place.nth > 4; // few months have a fifth
    last.textContent = monthlyWords("last", place);
    last.hidden = last.disabled = !place.isLast;
    if (this.monthly.selectedOptions[0]?.disabled) this.monthly.value = place.nth > 4 ? "last" : "date";
  }

  read() {
    if (this.freq.value === "OTHER") return this.other;
    return ruleOf(
      {
        freq: this.freq.value, interval: Number(this.interval.value), days: this.days.filter(([, box]) => box.checked).map(([name]) => name),
        monthly: this.monthly.value, ends: this.ends.value, until: this.until.value, count: Number(this.count.value),
      },
      this.start.value,
    );
  }
}
