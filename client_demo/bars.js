/** One bar a day as SVG paths: the twin of hub/web/bars.py, and what a reader does with them (point, tap, arrow keys). */

import { _, _n } from "./messages.js";
import { DAY_MS, STATUS_WORDS, percent, weekday } from "./words.js";

const LETTERS = {
  operational: "o", degraded_performance: "d", partial_outage: "p", major_outage: "m", under_maintenance: "u", no_data: "n",
};
const STATUS_OF = Object.fromEntries(Object.entries(LETTERS).map(([status, letter]) => [letter, status]));
const STEP = 4;
const WIDTH = 3;
const HEIGHT = 32;
const SEGMENTS = {
  o: [[0, 32]],
  d: [[0, 8], [11, 32]],
  p: [[0, 8], [11, 18], [21, 32]],
  m: [[0, 6], [8, 14], [16, 22], [24, 32]],
  u: [[0, 21], [24, 32]],
};
const RANK = "nuodpm"; // a day without data turns to whatever is known first; maintenance never hides an outage
const SVG = "http://www.w3.org/2000/svg";

const bar = (x, letter) =>
  letter === "n"
    ? `M${x} 0h${WIDTH}v${HEIGHT}h-${WIDTH}zM${x + 0.5} 1h2v30h-2z`
    : SEGMENTS[letter].map(([top, bottom]) => `M${x} ${top}h${WIDTH}v${bottom - top}h-${WIDTH}z`).join("");

/** [status, path data] for each status that occurs in `days`. */
export const paths = (days) =>
  Object.entries(STATUS_OF)
    .filter(([letter]) => days.includes(letter))
    .map(([letter, status]) => [status, [...days].map((l, i) => (l === letter ? bar(i * STEP, l) : "")).join("")]);

/** Draw the strip of a `.bars` element anew from its `data-days`. */
export function draw(bars) {
  const { days } = bars.dataset;
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${days.length * STEP - (STEP - WIDTH)} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  for (const [status, d] of paths(days)) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", `b-${status}`);
    path.setAttribute("fill-rule", "evenodd");
    path.setAttribute("d", d);
    svg.append(path);
  }
  bars.querySelector(".strip").replaceChildren(svg);
}

/** Today can only get worse while one watches; the figures come anew with the next load. */
export function worsenToday(bars, status) {
  const { days } = bars.dataset;
  const letter = LETTERS[status];
  if (RANK.indexOf(letter) <= RANK.indexOf(days.at(-1))) return;
  bars.dataset.days = days.slice(0, -1) + letter;
  draw(bars);
}

/** Put figures of `/uptime` into a `.bars` element: `figures` is one component's, `first` the window's first day. */
export function fill(bars, name, first, figures) {
  const letters = figures.days.map((day) => LETTERS[day.worst ?? "no_data"]);
  const ratios = figures.days.map((day, index) => (day.ratio !== null && day.ratio < 1 ? `${index}:${day.ratio}` : ""));
  Object.assign(bars.dataset, { days: letters.join(""), first, ratios: ratios.filter(Boolean).join(" ") });
  const isKnown = figures.ratio !== null;
  const bad = letters.filter((letter) => "dpm".includes(letter)).length;
  const said = isKnown
    ? _n("{uptime} uptime, {n} day with trouble", "{uptime} uptime, {n} days with trouble", bad, { uptime: percent(figures.ratio) })
    : _("no data yet");
  bars.querySelector(".strip").setAttribute("aria-label", _("{name}, last {n} days: {said}", { name, n: letters.length, said }));
  bars.querySelector(".uptime").textContent = isKnown
    ? _("{uptime} uptime over {n} days", { uptime: percent(figures.ratio), n: letters.length })
    : _("no data yet");
  draw(bars);
}

/** What one bar says: date, uptime, worst status. */
export function describe(bars, index) {
  const { days, first, ratios } = bars.dataset;
  const number = Date.parse(first) / DAY_MS + index;
  const date = weekday(number, new Date().getUTCFullYear());
  const letter = days[index];
  if (letter === "n") return _("{date}: no data", { date });
  const ratio = new Map((ratios ?? "").split(" ").filter(Boolean).map((pair) => pair.split(":"))).get(String(index));
  return `${_("{date}: {uptime} uptime", { date, uptime: percent(ratio === undefined ? 1 : Number(ratio)) })}\n${STATUS_WORDS[STATUS_OF[letter]]}`;
}

/** Make every strip under `root` one focusable widget; `tip` is the one tooltip of the page. */
export function enliven(root, tip) {
  const shownDays = () => (innerWidth < 600 ? 30 : innerWidth < 900 ? 60 : 90);
  const select = (strip, index) => {
    const bars = strip.parentElement;
    const text = describe(bars, index);
    strip.dataset.index = String(index);
    strip.setAttribute("aria-valuenow", String(index - bars.dataset.days.length + 1));
    strip.setAttribute("aria-valuetext", text.replace("\n", ", "));
    mark(strip, index);
    place(strip, index, text);
  };
  const mark = (strip, index) => {
    const svg = strip.firstElementChild;
    svg.querySelector(".cursor")?.remove();
    const cursor = document.createElementNS(SVG, "rect");
    const box = { class: "cursor", x: index * STEP - 0.5, y: 0, width: WIDTH + 1, height: HEIGHT };
    for (const [name, value] of Object.entries(box)) cursor.setAttribute(name, String(value));
    svg.append(cursor);
  };
  const place = (strip, index, text) => {
    const box = strip.firstElementChild.getBoundingClientRect();
    const x = box.left + ((index + 0.5) / strip.parentElement.dataset.days.length) * box.width;
    tip.textContent = text;
    tip.hidden = false;
    const left = Math.min(Math.max(8, x - tip.offsetWidth / 2), document.documentElement.clientWidth - tip.offsetWidth - 8);
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${box.top + scrollY - tip.offsetHeight - 8}px`;
  };
  const leave = (strip) => {
    tip.hidden = true;
    strip.querySelector(".cursor")?.remove();
  };
  const indexAt = (strip, x) => {
    const box = strip.firstElementChild.getBoundingClientRect();
    const count = strip.parentElement.dataset.days.length;
    return Math.min(count - 1, Math.max(0, Math.floor(((x - box.left) / box.width) * count)));
  };
  for (const strip of root.querySelectorAll(".strip:not([tabindex])")) {
    const count = strip.parentElement.dataset.days.length;
    strip.tabIndex = 0;
    strip.setAttribute("role", "slider");
    strip.setAttribute("aria-valuemin", String(1 - count));
    strip.setAttribute("aria-valuemax", "0");
    strip.setAttribute("aria-valuenow", "0");
    strip.setAttribute("aria-valuetext", describe(strip.parentElement, count - 1).replace("\n", ", "));
    strip.addEventListener("pointermove", (event) => select(strip, indexAt(strip, event.clientX)));
    strip.addEventListener("pointerdown", (event) => select(strip, indexAt(strip, event.clientX)));
    strip.addEventListener("pointerleave", () => leave(strip));
    strip.addEventListener("blur", () => leave(strip));
    strip.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, Home: -count, End: count }[event.key];
      if (event.key === "Escape") leave(strip);
      if (step === undefined) return;
      event.preventDefault();
      const from = Number(strip.dataset.index ?? count);
      const low = count - shownDays();
      select(strip, Math.min(count - 1, Math.max(event.key === "Home" ? low : 0, from + step)));
    });
  }
}
