/**
 * What the page shows beside its snapshot: bars, uptime figures, response times. The server has drawn them; here they go
 * on while one watches, and are asked for anew when the past changes.
 */

import { NotThere, readPage } from "./fallback.js";
import { _ } from "./messages.js";
import { credential } from "./session.js";
import { percent } from "./words.js";

const WITHIN_MS = 1_000; // spread, as all who are shown more at the same moment ask
const AGAIN_MS = 10_000;
const MIDNIGHT_WITHIN_MS = 60_000;
const QUARTER_MS = 900_000; // response times are means of that long
const KEYS = new Set(["ArrowLeft", "ArrowRight", "Home", "End"]);
const byId = (id) => document.getElementById(id);
const keyOf = (bars) => bars.parentElement.dataset.key;
const quarterOf = (at) => Math.floor(at / QUARTER_MS);

export class Figures {
  #timer = null;
  #tips = null;
  #loading = null;

  /** `page` has `snapshot`, `then`, `zone`, `now()`. */
  constructor(page) {
    this.page = page;
    this.root = byId("components");
    this.countedAt = Date.now();
    this.quarter = quarterOf(this.countedAt);
    this.costs = Object.fromEntries((byId("how")?.dataset.weights ?? "").split(" ").filter(Boolean).map((pair) => pair.split(":")));
    this.ask = (path) => readPage(location.origin, page.snapshot.page.slug, path, credential);
    for (const name of ["pointerover", "focusin", "keydown"]) this.root.addEventListener(name, (event) => this.#wake(event));
    this.#reach();
  }

  /** All anew, once for however many reasons: of components that the server did not draw, or as the past has changed. */
  soon(within_ms = WITHIN_MS) {
    this.#timer ??= setTimeout(() => this.#again(), Math.random() * within_ms);
  }

  /** After midnight. */
  tomorrow() {
    this.soon(MIDNIGHT_WITHIN_MS);
  }

  hide() {
    this.#tips?.hide();
  }

  /** Another report of a week or a month is there. */
  reports(within_ms = MIDNIGHT_WITHIN_MS) {
    setTimeout(async () => {
      if (this.page.then === null) (await import("./reports.js")).refresh(byId("report"), this.ask);
    }, Math.random() * within_ms);
  }

  /** The rows show another snapshot than `before`: a status can only make today worse. */
  async drawn(before, snapshot) {
    this.#reach();
    this.#clear(before, snapshot);
    const old = new Map(before.components.map((c) => [c.id, c.status]));
    const changed = new Map(this.page.then === null ? snapshot.components.filter((c) => old.get(c.id) !== c.status).map((c) => [c.id, c.status]) : []);
    const touched = [...this.root.querySelectorAll(".bars")].filter((bars) => changed.has(keyOf(bars)) || !bars.querySelector("svg"));
    if (!touched.length) return;
    const { draw, worsenToday } = await import("./bars.js");
    if (touched.some((bars) => !bars.querySelector("svg"))) this.soon(); // what is new has figures too
    for (const bars of touched) {
      if (!bars.querySelector("svg")) draw(bars);
      if (changed.has(keyOf(bars))) worsenToday(bars, changed.get(keyOf(bars)));
    }
  }

  /** What was reckoned with more than may be seen now must not stay; the means are asked for anew. */
  #clear(before, snapshot) {
    const left = new Set(snapshot.components.map((c) => c.id));
    const isOther = before.channel !== snapshot.channel;
    const gone = before.components.filter((c) => isOther || !left.has(c.id));
    if (!gone.length || this.page.then !== null) return;
    for (const { group_id: id } of gone) {
      const mean = id && this.root.querySelector(`[data-key="g-${id}"] summary > .uptime`);
      if (!mean) continue;
      delete mean.dataset.uptime;
      mean.textContent = "";
    }
    for (const text of document.querySelectorAll(".report")) text.remove();
    this.soon();
    this.reports(WITHIN_MS);
  }

  /** Uptime goes on: what has passed since the last call is taken off what it costs, before the snapshot changes. */
  async run() {
    const { snapshot, then, zone } = this.page;
    const now = Date.now();
    const elapsed_ms = now - this.countedAt;
    this.countedAt = now;
    const down = then === null ? snapshot.components.filter((c) => this.costs[c.status]) : [];
    if (!down.length) return;
    const { hour, minute } = zone.read(now);
    const { spend } = await import("./bars.js");
    for (const { id, name, status } of down) {
      const bars = this.root.querySelector(`.component[data-key="${id}"] .bars[data-uptime]`);
      if (!bars) continue;
      const share = spend(bars, name, elapsed_ms, Number(this.costs[status]), (hour * 60 + minute) * 60_000);
      const group = bars.closest(".group");
      const mean = group?.querySelector("summary > .uptime[data-uptime]");
      if (mean) tell(mean, mean.dataset.uptime - share / group.querySelectorAll(".component").length);
    }
  }

  /** Once in a while. */
  tick() {
    this.run();
    const quarter = quarterOf(this.countedAt);
    if (quarter === this.quarter) return;
    this.quarter = quarter;
    const isDrawn = this.root.querySelector(".latency:not([hidden])");
    this.latency(isDrawn ? MIDNIGHT_WITHIN_MS : QUARTER_MS / 2); // where there is none yet, there seldom will be
  }

  latency(within_ms) {
    setTimeout(async () => (await import("./latency.js")).refresh(this.root, this.ask, Date.now), Math.random() * within_ms);
  }

  async #again() {
    this.#timer = null;
    const { page } = this;
    if (page.then !== null) return;
    let found = null;
    this.#tips?.forget();
    try {
      found = await this.ask("uptime?days=90");
    } catch (error) {
      if (!(error instanceof NotThere)) this.soon(AGAIN_MS);
    }
    if (found && page.then === null) await this.fill(found);
    this.countedAt = Date.now();
  }

  /** Put in what `/uptime` has told. */
  async fill(found) {
    // Other weights stand in many words of the page.
    if (Object.entries(found.weights).some(([status, weight]) => Number(this.costs[status] ?? 0) !== weight)) return location.reload();
    const { fill } = await import("./bars.js");
    for (const figures of found.components) {
      const bars = this.root.querySelector(`.component[data-key="${figures.id}"] .bars`);
      const component = this.page.snapshot.components.find((c) => c.id === figures.id);
      if (bars && component) fill(bars, component.name, found.period_start, figures);
    }
    for (const { id, ratio } of found.groups) {
      const mean = this.root.querySelector(`[data-key="g-${id}"] summary > .uptime`);
      if (mean) tell(mean, ratio);
    }
  }

  /** Each strip is one stop of the keyboard. */
  #reach() {
    for (const strip of this.root.querySelectorAll(".strip:not([tabindex])")) {
      const attributes = {
        tabindex: 0, role: "slider", "aria-valuemin": 1 - strip.parentElement.dataset.days.length, "aria-valuemax": 0,
        "aria-valuenow": 0, "aria-valuetext": _("Today"),
      };
      for (const [name, value] of Object.entries(attributes)) strip.setAttribute(name, String(value));
    }
    this.#tips?.enliven(this.root);
  }

  /** Somebody looks at a bar or a figure, perhaps for the first time: what they tell is loaded then. */
  async #wake(event) {
    const target = event.target.closest(".strip, .uptime");
    const isKey = event.type === "keydown";
    if (this.#tips || !target || (isKey && !KEYS.has(event.key))) return;
    if (isKey) event.preventDefault();
    this.#loading ??= import("./tooltips.js").then(({ Tooltips }) => {
      this.#tips = new Tooltips(this.page, byId("tip"), this.ask);
      this.#tips.enliven(this.root);
    }, () => (this.#loading = null)); // the hub is away: at the next look
    await this.#loading;
    if (!this.#tips) return;
    if (isKey) target.dispatchEvent(new KeyboardEvent("keydown", { key: event.key, bubbles: true }));
    else if (event.type === "pointerover") target.dispatchEvent(new PointerEvent("pointerdown", { clientX: event.clientX }));
  }
}

/** The figure of a group. */
function tell(element, ratio) {
  if (ratio === null) return;
  element.dataset.uptime = ratio;
  element.textContent = percent(ratio);
}
