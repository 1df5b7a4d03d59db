/**
 * Looking back in time: picks an instant, has the whole page drawn as it was then, and leads back to now. Loaded when
 * it is first opened. What is live goes on in the client meanwhile and does not disturb the view of then; what it takes
 * out of sight is gone from there too.
 */

import { draw, put } from "./bars.js";
import { NotThere, readPage } from "./fallback.js";
import { _ } from "./messages.js";
import { credential } from "./session.js";
import { DAY_MS } from "./words.js";

const SETTLE_MS = 120; // the thumb rests
const MARKS = 100;
const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);
const two = (number) => String(number).padStart(2, "0");

/** `2026-11-03T14:00` on the clocks of `zone`, as a `datetime-local` field has it. */
export function localText(zone, at) {
  const p = zone.read(at);
  return `${p.year}-${two(p.month)}-${two(p.day)}T${two(p.hour)}:${two(p.minute)}`;
}

/** The instant that clocks of `zone` show as `text`; of two the first, of none that which follows the gap. */
export function instantOf(zone, text) {
  const wanted = Date.parse(`${text}Z`);
  const guesses = [wanted - DAY_MS, wanted + DAY_MS].map((near) => wanted - (Date.parse(`${localText(zone, near)}Z`) - near));
  const fitting = guesses.filter((at) => localText(zone, at) === text);
  return fitting.length ? Math.min(...fitting) : Math.max(...guesses);
}

/** Make the controls work; `page` draws, `client` has the present, `mark()` says how fresh what is shown is. */
export function travel(page, client, mark) {
  const box = byId("travel");
  const range = byId("travel-range");
  const field = byId("travel-at");
  const since = Date.parse(box.dataset.reach);
  const slug = page.snapshot.page.slug;
  const stepMs = Date.now() - since > DAY_MS ? 300_000 : 1_000;
  const first = Math.floor(since / stepMs) * stepMs;
  let kept = null; // bars of now → their data, while another time is shown
  let marks = [];
  let asked = 0;
  let timer;

  const words = (at) => `${page.zone.moment(at, Date.now())} ${page.zone.offsetName(at)}`;
  const latest = () => Math.floor(Date.now() / stepMs) * stepMs;

  function reach() {
    range.step = String(stepMs / 1000);
    range.max = String((latest() - first) / 1000);
    field.min = localText(page.zone, since);
    field.max = localText(page.zone, Date.now());
  }

  function point(at) {
    range.value = String((at - first) / 1000);
    range.setAttribute("aria-valuetext", words(at));
    field.value = localText(page.zone, at);
  }

  function say(at) {
    const band = byId("then");
    band.hidden = at === null;
    const text = at === null ? "" : _("You are looking at {moment}.", { moment: words(at) });
    band.querySelector(".says").textContent = byId("announcer").textContent = text;
    const address = new URL(location.href);
    if (at === null) address.searchParams.delete("at");
    else address.searchParams.set("at", new Date(at).toISOString());
    history.replaceState(history.state, "", address);
  }

  function leave() {
    asked += 1;
    clearTimeout(timer);
    if (page.then === null) return;
    if (!client.snapshot) return location.assign(`/p/${slug}`); // the present has not come yet
    say(null);
    page.show(client.snapshot, null);
    recount();
    mark();
    reach();
    point(latest());
  }

  /** Bars and figures become those of `at`: the days after it are nothing at once, and the figures follow. */
  async function count(at, mine) {
    const all = [...document.querySelectorAll(".component .bars")];
    kept ??= new Map(all.map((bars) => [bars, { ...bars.dataset }]));
    for (const bars of all) {
      const { days, first: from } = kept.get(bars) ?? bars.dataset;
      const known = page.zone.dayNumber(at) - Date.parse(from) / DAY_MS + 1;
      bars.dataset.days = days.slice(0, Math.max(known, 0)).padEnd(days.length, "n");
      draw(bars);
    }
    for (const figure of document.querySelectorAll("#components .uptime")) figure.textContent = "";
    const found = await page.figures.ask(`uptime?days=90&at=${new Date(at).toISOString()}`).catch(() => null);
    if (found && mine === asked) await page.figures.fill(found);
  }

  /** The figures of now again: as they were when one left, and soon as they are. */
  function recount() {
    for (const [bars, data] of kept ?? []) {
      const component = client.snapshot.components.find((c) => c.id === bars.parentElement?.dataset.key);
      if (component) put(bars, component.name, data);
    }
    kept = null;
    page.figures.soon(0);
  }

  async function show(at) {
    const mine = ++asked;
    clearTimeout(timer);
    if (at >= latest() && page.then === null) return;
    if (at >= latest()) return leave();
    try {
      const past = await readPage(location.origin, slug, `snapshot?at=${new Date(Math.max(at, since)).toISOString()}`, credential);
      if (mine !== asked) return;
      page.show(past, at);
      mark();
      say(at);
      await count(at, mine);
    } catch (error) {
      if (mine !== asked) return;
      if (error instanceof NotThere || page.then !== null) leave();
    }
  }

  /** What is hidden from these eyes now must not stay on the screen as the past. */
  page.held = ({ event }) => {
    if (!event || Object.keys(event.remove ?? {}).length) show(page.then);
  };

  function drawMarks() {
    const svg = box.querySelector(".marks");
    svg.replaceChildren(
      ...marks.map(({ at }) => {
        const tick = document.createElementNS(SVG, "rect");
        const x = `${(100 * (at - first)) / Math.max(latest() - first, 1)}%`;
        for (const [name, value] of Object.entries({ x, width: 2, height: 8, rx: 1 })) tick.setAttribute(name, String(value));
        return tick;
      }),
    );
  }

  async function findMarks() {
    const found = await readPage(location.origin, slug, `incidents?limit=${MARKS}`, credential).catch(() => []);
    marks = found.map((i) => ({ at: Date.parse(i.started_at) })).filter(({ at }) => at >= since).sort((a, b) => a.at - b.at);
    drawMarks();
    for (const id of ["travel-before", "travel-after"]) byId(id).hidden = !marks.length;
  }

  /** A minute into it, so that it is there. */
  function jump(isWanted) {
    const here = page.then ?? Date.now();
    const at = isWanted(marks.map((mark) => mark.at + 60_000), here);
    if (at === undefined) return;
    point(at);
    show(at);
  }

  const picked = () => first + Number(range.value) * 1000;
  range.addEventListener("input", () => {
    point(picked());
    clearTimeout(timer);
    timer = setTimeout(() => show(picked()), SETTLE_MS);
  });
  range.addEventListener("change", () => show(picked()));
  box.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const at = instantOf(page.zone, field.value);
    point(at);
    show(at);
  });
  byId("travel-before").addEventListener("click", () => jump((all, here) => all.filter((at) => at < here).at(-1)));
  byId("travel-after").addEventListener("click", () => jump((all, here) => all.find((at) => at > here)));
  byId("then-back").addEventListener("click", (event) => {
    event.preventDefault();
    leave();
    byId("main").focus();
  });

  if (page.then === null) {
    const href = `${document.body.dataset.static}travel.css`;
    document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href }));
  }
  reach();
  point(page.then ?? latest());
  range.closest(".scrub").hidden = false;
  findMarks();
}
