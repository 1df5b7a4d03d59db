/**
 * What a bar and an uptime figure tell when they are pointed at, tapped, or reached by arrow keys. Loaded once the page
 * stands; what happened on a day is asked for when somebody looks at that day.
 */

import { HEIGHT, STATUS_OF, STEP, WIDTH } from "./bars.js";
import { _, _n } from "./messages.js";
import { h } from "./morph.js";
import { DAY_MS, STATUS_WORDS, lasting, percent, weekday } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const GRACE_MS = 250; // to cross from a bar to the links in its tooltip
const LOOKED_AT_MS = 120; // a pointer that only passes by asks for nothing
const shownDays = () => (innerWidth < 600 ? 30 : innerWidth < 900 ? 60 : 90);
const isMirrored = () => document.documentElement.dir === "rtl";

/** [date, uptime or null, worst status or null] of one bar, as words. */
export function describe(bars, index) {
  const { days, first, ratios } = bars.dataset;
  const date = weekday(Date.parse(first) / DAY_MS + index, new Date().getUTCFullYear());
  if (days[index] === "n") return [_("{date}: no data", { date })];
  const known = new Map((ratios ?? "").split(" ").filter(Boolean).map((pair) => pair.split(":")));
  const ratio = Number(known.get(String(index)) ?? 1);
  return [_("{date}: {uptime} uptime", { date, uptime: percent(ratio) }), STATUS_WORDS[STATUS_OF[days[index]]]];
}

/** `ask(path)` reads the REST resource of this page; `page` says zone, time and slug. */
export class Tooltips {
  #days = new Map();
  #timer;
  #owner = null; // the strip or figure whose tooltip is open

  constructor(page, tip, ask) {
    Object.assign(this, { page, tip, ask });
    tip.addEventListener("pointerenter", () => clearTimeout(this.#timer));
    tip.addEventListener("pointerleave", this.#left);
    document.addEventListener("pointerdown", ({ target }) => {
      if (this.#owner && !tip.contains(target) && !this.#owner.contains(target)) this.hide();
    });
    tip.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      const owner = this.#owner;
      this.hide();
      owner?.focus();
    });
    tip.addEventListener("focusout", ({ relatedTarget }) => {
      if (!tip.contains(relatedTarget) && relatedTarget !== this.#owner) this.hide();
    });
  }

  /** What was read is out of date. */
  forget() {
    this.#days.clear();
  }

  hide() {
    clearTimeout(this.#timer);
    this.tip.hidden = true;
    this.tip.replaceChildren();
    this.#owner?.querySelector(".cursor")?.remove();
    this.#owner = null;
  }

  /** Make every strip under `root` one focusable widget. */
  enliven(root) {
    for (const strip of root.querySelectorAll(".strip:not([data-told])")) this.#strip(strip);
    for (const figure of root.querySelectorAll(".uptime:not([data-told])")) {
      figure.dataset.told = "";
      for (const name of ["pointerenter", "pointerdown"]) figure.addEventListener(name, () => this.#figure(figure));
      figure.addEventListener("pointerleave", this.#left);
    }
  }

  #strip(strip) {
    const count = () => strip.parentElement.dataset.days.length;
    const indexAt = (x) => {
      const box = strip.firstElementChild.getBoundingClientRect();
      const share = isMirrored() ? box.right - x : x - box.left;
      return Math.min(count() - 1, Math.max(0, Math.floor((share / box.width) * count())));
    };
    strip.dataset.told = "";
    strip.setAttribute("aria-valuetext", describe(strip.parentElement, count() - 1).join(", "));
    for (const name of ["pointermove", "pointerdown"]) {
      strip.addEventListener(name, (event) => this.#select(strip, indexAt(event.clientX)));
    }
    strip.addEventListener("pointerleave", this.#left);
    strip.addEventListener("blur", ({ relatedTarget }) => {
      if (this.#owner === strip && !this.tip.contains(relatedTarget)) this.hide();
    });
    strip.addEventListener("keydown", (event) => {
      const later = isMirrored() ? "ArrowLeft" : "ArrowRight";
      const earlier = isMirrored() ? "ArrowRight" : "ArrowLeft";
      const step = { [earlier]: -1, [later]: 1, Home: -count(), End: count() }[event.key];
      if (event.key === "Escape") this.hide();
      if (event.key === "Enter" || event.key === "ArrowDown") {
        const link = this.#owner === strip && this.tip.querySelector("a");
        if (!link) return;
        event.preventDefault();
        link.focus();
      }
      if (step === undefined) return;
      event.preventDefault();
      const low = event.key === "Home" ? count() - shownDays() : 0;
      this.#select(strip, Math.min(count() - 1, Math.max(low, Number(strip.dataset.index ?? count()) + step)));
    });
  }

  #select(strip, index) {
    clearTimeout(this.#timer);
    if (this.#owner === strip && strip.dataset.index === String(index)) return;
    if (this.#owner !== strip) this.hide();
    this.#owner = strip;
    const bars = strip.parentElement;
    const said = describe(bars, index);
    strip.dataset.index = String(index);
    strip.setAttribute("aria-valuenow", String(index - bars.dataset.days.length + 1));
    strip.setAttribute("aria-valuetext", said.join(", "));
    this.#mark(strip, index);
    const show = (...more) => {
      this.tip.replaceChildren(...said.map((text, line) => h(line ? "span" : "strong", {}, text)), ...more);
      this.#place(this.#column(strip, index));
    };
    show();
    if (!"dpmu".includes(bars.dataset.days[index])) return;
    this.#timer = setTimeout(async () => {
      const outages = await this.#outages(bars, index);
      if (this.#owner !== strip || strip.dataset.index !== String(index) || !outages?.length) return;
      show(h("ul", {}, outages.map((outage) => this.#outage(outage))));
      strip.setAttribute("aria-valuetext", [...said, ...outages.map((outage) => this.#line(outage))].join(", "));
    }, LOOKED_AT_MS);
  }

  /** The outages of a day; null where they are not to be had now. Today's are never kept. */
  async #outages(bars, index) {
    const date = new Date(Date.parse(bars.dataset.first) + index * DAY_MS).toISOString().slice(0, 10);
    const { then } = this.page;
    const upTo = then === null ? "" : `&at=${new Date(then).toISOString()}`;
    const key = `uptime/days?component=${bars.closest("[data-key]").dataset.key}&date=${date}${upTo}`;
    if (!this.#days.has(key) || index === bars.dataset.days.length - 1) {
      this.#days.set(key, this.ask(key).catch(() => (this.#days.delete(key), null)));
    }
    return this.#days.get(key);
  }

  #line({ status, start, length_s: length }) {
    const { zone, now } = this.page;
    return `${zone.moment(Date.parse(start), now())} · ${lasting(length * 1000)} · ${STATUS_WORDS[status]}`;
  }

  #outage(outage) {
    const link = ({ id, name }) => h("a", { href: `/p/${this.page.view.slug}/incidents/${id}`, dir: "auto" }, name);
    const planned = outage.maintenances.map(({ name }) => h("span", { dir: "auto" }, ` ${name}`));
    return h("li", {}, this.#line(outage), outage.incidents.map(link), planned);
  }

  /** How an uptime figure comes about: what the page says of it below the list. */
  #figure(figure) {
    clearTimeout(this.#timer);
    if (this.#owner === figure) return;
    this.hide();
    this.#owner = figure;
    const how = document.getElementById("how");
    const bars = figure.closest(".bars");
    const n = (bars ?? document.querySelector(".bars"))?.dataset.days.length ?? 90;
    const parts = [how.querySelector(".weights"), bars ? null : how.querySelector(".mean")].filter((part) => part?.textContent);
    this.tip.replaceChildren(
      h("strong", {}, _n("Uptime over the last {n} day, today included", "Uptime over the last {n} days, today included", n)),
      ...parts.map((part) => h("span", {}, part.textContent, " ")),
    );
    const box = figure.getBoundingClientRect();
    this.#place({ x: box.left + box.width / 2, top: box.top });
  }

  #mark(strip, index) {
    const svg = strip.firstElementChild;
    svg.querySelector(".cursor")?.remove();
    const cursor = document.createElementNS(SVG, "rect");
    const box = { class: "cursor", x: index * STEP - 0.5, y: 0, width: WIDTH + 1, height: HEIGHT };
    for (const [name, value] of Object.entries(box)) cursor.setAttribute(name, String(value));
    svg.append(cursor);
    // Older days lie outside the window of a narrow screen until they are reached.
    const { x } = this.#column(strip, index);
    const seen = strip.getBoundingClientRect();
    if (x < seen.left) strip.scrollLeft -= seen.left - x + seen.width / 2;
    else if (x > seen.right) strip.scrollLeft += x - seen.right + seen.width / 2;
  }

  #column(strip, index) {
    const box = strip.firstElementChild.getBoundingClientRect();
    const share = ((index + 0.5) / strip.parentElement.dataset.days.length) * box.width;
    return { x: isMirrored() ? box.right - share : box.left + share, top: box.top };
  }

  #place({ x, top }) {
    const { tip } = this;
    tip.hidden = false;
    const room = document.documentElement.clientWidth;
    tip.style.left = `${Math.min(Math.max(8, x - tip.offsetWidth / 2), room - tip.offsetWidth - 8) + scrollX}px`;
    tip.style.top = `${Math.max(0, top + scrollY - tip.offsetHeight - 8)}px`;
  }

  /** A finger that is lifted has not gone elsewhere: what it has opened stays until the next touch. */
  #left = ({ pointerType }) => {
    if (pointerType === "touch") return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (!this.tip.contains(document.activeElement)) this.hide();
    }, GRACE_MS);
  };
}
