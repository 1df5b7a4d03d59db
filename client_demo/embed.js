/**
 * `<status-hub page="acme">`: a page's state, its open incidents and the maintenance under way, live on anybody's site.
 * docs/embed.md. It keeps to itself: shadow DOM, a constructed style sheet, nothing inline.
 */

import { EmbedFeed } from "./embed-feed.js";
import { _ } from "./messages.js";
import { answer, incidentLength, maintenances } from "./present.js";
import { STATUS_WORDS, TONES, UPDATE_WORDS, Zone } from "./words.js";

const TICK_MS = 30_000;
const SVG = "http://www.w3.org/2000/svg";
// One shape for each status, as on the page itself.
const SHAPES = {
  operational: "M8 .5a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15z",
  degraded_performance: "M8 .5a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15zM8 2.2v11.6a5.8 5.8 0 0 0 0-11.6z",
  partial_outage: "M8 1 15.6 14.6H.4z",
  major_outage: "M1 1h14v14H1z",
  under_maintenance: "M8 .7 15.3 8 8 15.3.7 8z",
};

const CSS = `
:host { display: block; inline-size: 100%; font: inherit; contain: content;
  --ground: #ffffff; --text: #1a1d21; --muted: #5c636b; --line: #e4e6e8;
  --operational: #18794e; --degraded: #946800; --partial: #bd4b00; --major: #ca2a30; --maintenance: #2b5fd9; }
@supports (color: light-dark(#fff, #000)) {
  :host { --ground: light-dark(#ffffff, #171b1f); --text: light-dark(#1a1d21, #e8eaed); --muted: light-dark(#5c636b, #9aa3ab);
    --line: light-dark(#e4e6e8, #2a3036); --operational: light-dark(#18794e, #3dd68c); --degraded: light-dark(#946800, #f5c542);
    --partial: light-dark(#bd4b00, #ff9b4a); --major: light-dark(#ca2a30, #ff6b6f); --maintenance: light-dark(#2b5fd9, #7aa2ff); }
}
:host([hidden]) { display: none; }
.box { box-sizing: border-box; background: var(--ground); color: var(--text); border: 1px solid var(--line); border-radius: 8px;
  padding: 12px 16px; line-height: 1.4; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; text-align: start; }
.answer { display: flex; align-items: center; gap: 8px; margin: 0; font-weight: 600; color: var(--tone); }
.answer svg { inline-size: 1.1em; block-size: 1.1em; flex: none; fill: currentColor; }
ul { list-style: none; margin: 8px 0 0; padding: 0; display: grid; gap: 4px; }
li { display: flex; flex-wrap: wrap; gap: 0 8px; align-items: baseline; }
li svg { inline-size: .8em; block-size: .8em; flex: none; fill: currentColor; color: var(--tone); }
a { color: inherit; text-underline-offset: .2em; }
a:focus-visible { outline: 2px solid var(--maintenance); outline-offset: 2px; border-radius: 4px; }
.muted { color: var(--muted); font-size: .875em; }
.foot { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 16px; margin: 8px 0 0; }
.is-stale .answer, .is-stale ul { opacity: .6; filter: grayscale(1); }
.t-operational { --tone: var(--operational); } .t-degraded_performance { --tone: var(--degraded); }
.t-partial_outage { --tone: var(--partial); } .t-major_outage { --tone: var(--major); }
.t-under_maintenance { --tone: var(--maintenance); }
[hidden] { display: none; }
`;

let sheet = null;

function styles() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  return sheet;
}

function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function shape(tone) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  for (const [name, value] of Object.entries({ viewBox: "0 0 16 16", "aria-hidden": "true" })) svg.setAttribute(name, value);
  path.setAttribute("d", SHAPES[tone]);
  path.setAttribute("fill-rule", "evenodd");
  svg.append(path);
  return svg;
}

// Several elements of one page on one site share a stream; there are six connections to a host at most.
const feeds = new Map();

function borrow(base, slug, token) {
  const key = JSON.stringify([base, slug, token]);
  const held = feeds.get(key) ?? { feed: new EmbedFeed({ base, slug, token }), users: 0 };
  feeds.set(key, held);
  if (held.users++ === 0) held.feed.start();
  return {
    feed: held.feed,
    giveBack() {
      if (--held.users > 0) return;
      held.feed.stop();
      feeds.delete(key);
    },
  };
}

class StatusHub extends HTMLElement {
  static observedAttributes = ["page", "hub"];
  #isHere = false; // `isConnected` says so before `connectedCallback` does, while the attributes are told of
  #root = null;
  #held = null;
  #token = "";
  #zone = null;
  #said = "";
  #timer = 0;

  /** An access token of the hub: the page as that account sees it. Never an attribute, which others could read. */
  set token(value) {
    this.#token = value ?? "";
    this.#restart();
  }

  /** What is shown, as docs/protocol.md#snapshot describes it; null before anything came. */
  get snapshot() {
    return this.#held?.feed.snapshot ?? null;
  }

  connectedCallback() {
    this.#isHere = true;
    this.#restart();
  }

  disconnectedCallback() {
    this.#isHere = false;
    this.#release();
  }

  attributeChangedCallback() {
    this.#restart();
  }

  get #base() {
    return new URL(this.getAttribute("hub") || import.meta.url, document.baseURI).origin;
  }

  #restart() {
    this.#release();
    const slug = this.getAttribute("page");
    if (!slug || !this.#isHere) return;
    this.#held = borrow(this.#base, slug, this.#token);
    const { feed } = this.#held;
    feed.addEventListener("change", this.#changed);
    feed.addEventListener("state", this.#mark);
    this.#timer = setInterval(this.#draw, TICK_MS);
    if (feed.snapshot) this.#changed();
  }

  #release() {
    clearInterval(this.#timer);
    if (!this.#held) return;
    this.#held.feed.removeEventListener("change", this.#changed);
    this.#held.feed.removeEventListener("state", this.#mark);
    this.#held.giveBack();
    this.#held = null;
  }

  /** What stood between the tags stays until there is something better. */
  #prepare() {
    if (this.#root) return;
    this.#root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    this.#root.adoptedStyleSheets = [styles()];
    this.#root.append(
      el(
        "section", { class: "box", part: "box" },
        el("p", { class: "answer", part: "answer", role: "status" }),
        el("ul", { part: "incidents" }),
        el("p", { class: "foot muted" }, el("a", { part: "link", rel: "noopener", target: this.getAttribute("target") }), el("span", { class: "mark", part: "mark" })),
      ),
    );
  }

  #changed = () => {
    this.#prepare();
    this.#draw();
    this.dispatchEvent(new CustomEvent("change", { detail: { snapshot: this.snapshot } }));
  };

  #draw = () => {
    const { snapshot } = this;
    if (!snapshot) return;
    const now = Date.now();
    if (this.#zone?.name !== snapshot.page.time_zone) this.#zone = new Zone(snapshot.page.time_zone);
    const root = this.#root;
    const shown = answer(snapshot, this.#zone, now);
    const line = root.querySelector(".answer");
    line.className = `answer t-${shown.tone}`;
    const said = `${shown.tone} ${shown.sentence}`;
    if (said !== this.#said) {
      this.#said = said; // told again by screen readers only when it is something else
      line.replaceChildren(shape(shown.tone), el("bdi", {}, shown.sentence));
    }
    const list = root.querySelector("ul");
    list.replaceChildren(...this.#rows(snapshot, now));
    list.hidden = !list.children.length;
    const link = root.querySelector("a[part=link]");
    link.href = this.#pageUrl(snapshot);
    link.replaceChildren(el("bdi", {}, snapshot.page.title));
    this.#mark();
  };

  #rows(snapshot, now) {
    const rows = snapshot.incidents.map((incident) =>
      this.#row(
        TONES[incident.impact], incident.name, `${this.#pageUrl(snapshot)}/incidents/${incident.id}`,
        `${UPDATE_WORDS[incident.status]} · ${incidentLength(incident, now)}`,
      ),
    );
    const running = maintenances(snapshot, now).running.map((maintenance) =>
      this.#row("under_maintenance", maintenance.name, this.#pageUrl(snapshot), UPDATE_WORDS[maintenance.status]),
    );
    return [...rows, ...running];
  }

  #row(tone, name, href, facts) {
    const link = el("a", { href, rel: "noopener", target: this.getAttribute("target") }, el("bdi", {}, name));
    link.title = STATUS_WORDS[tone];
    return el("li", { class: `t-${tone}` }, shape(tone), link, el("span", { class: "muted" }, facts));
  }

  #pageUrl(snapshot) {
    return `${this.#base}/p/${snapshot.page.slug}`;
  }

  #mark = () => {
    if (!this.#root || !this.#held) return;
    const { state, heardAt } = this.#held.feed;
    const box = this.#root.querySelector(".box");
    box.classList.toggle("is-stale", state === "stale");
    this.dataset.live = state;
    const texts = {
      live: () => `● ${_("live")}`,
      stale: () => `⚠ ${_("not live, as of {clock}", { clock: this.#zone.moment(heardAt, Date.now()) })}`,
    };
    box.querySelector(".mark").textContent = (texts[state] ?? (() => `◌ ${_("reconnecting…")}`))();
  };
}

if (!customElements.get("status-hub")) customElements.define("status-hub", StatusHub);
