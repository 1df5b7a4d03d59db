/** One bar a day as SVG paths: the twin of hub/web/bars.py. What a reader does with them is in tooltips.js. */

import { _, _n } from "./messages.js";
import { DAY_MS, percent } from "./words.js";

const LETTERS = {
  operational: "o", degraded_performance: "d", partial_outage: "p", major_outage: "m", under_maintenance: "u", no_data: "n",
};
export const STATUS_OF = Object.fromEntries(Object.entries(LETTERS).map(([status, letter]) => [letter, status]));
export const STEP = 4;
export const WIDTH = 3;
export const HEIGHT = 32;
const SEGMENTS = {
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

/** Runs of good days: lines as thick as the strip is high, which page.css dashes into bars. */
const runs = (days) => [...days.matchAll(/o+/g)].map((run) => `M${run.index * STEP} 16h${run[0].length * STEP - 1}`).join("");

/** [status, path data] for each status that occurs in `days`. */
export const paths = (days) =>
  Object.entries(STATUS_OF)
    .filter(([letter]) => days.includes(letter))
    .map(([letter, status]) => [status, letter === "o" ? runs(days) : [...days].map((l, i) => (l === letter ? bar(i * STEP, l) : "")).join("")]);

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

/** Today can only get worse while one watches. */
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
  put(bars, name, { days: letters.join(""), first, ratios: ratios.filter(Boolean).join(" "), uptime: figures.ratio ?? undefined });
}

/** Put what a `.bars` element has in its `dataset`. */
export function put(bars, name, data) {
  Object.assign(bars.dataset, data);
  if (data.uptime === undefined) delete bars.dataset.uptime;
  say(bars, name);
  draw(bars);
}

/** What the figure and the strip's label say, from the data of the element. */
function say(bars, name) {
  const { days, uptime } = bars.dataset;
  const n = days.length;
  const bad = [...days].filter((letter) => "dpm".includes(letter)).length;
  const isKnown = uptime !== undefined;
  const said = isKnown
    ? _n("{uptime} uptime, {n} day with trouble", "{uptime} uptime, {n} days with trouble", bad, { uptime: percent(uptime) })
    : _("no data yet");
  bars.querySelector(".strip").setAttribute("aria-label", _("{name}, last {n} days: {said}", { name, n, said }));
  const text = isKnown ? _n("{uptime} uptime over {n} day", "{uptime} uptime over {n} days", days.replaceAll("n", "").length, { uptime: percent(uptime) }) : _("no data yet");
  const figure = bars.querySelector(".uptime");
  if (figure.textContent !== text) figure.textContent = text;
}

/**
 * Take `elapsed_ms` at `cost` (1: all of it) off the uptime; the share of the window that it was. `today_ms`: how much of
 * today has passed.
 */
export function spend(bars, name, elapsed_ms, cost, today_ms) {
  const { days, uptime, ratios } = bars.dataset;
  const known_ms = days.replaceAll("n", "").length * DAY_MS;
  const share = (elapsed_ms * cost) / (known_ms || DAY_MS);
  bars.dataset.uptime = Math.max(uptime - share, 0);
  const pairs = (ratios ?? "").split(" ").filter(Boolean).map((pair) => pair.split(":"));
  const today = new Map(pairs).get(String(days.length - 1)) ?? 1;
  const lost_ms = (1 - today) * Math.max(today_ms - elapsed_ms, 0) + elapsed_ms * cost;
  const others = pairs.filter(([index]) => Number(index) !== days.length - 1);
  const ratio = Math.max(1 - lost_ms / Math.max(today_ms, elapsed_ms, 1), 0);
  bars.dataset.ratios = [...others, [days.length - 1, ratio]].map((pair) => pair.join(":")).join(" ");
  say(bars, name);
  return share;
}
