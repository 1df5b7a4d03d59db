/** The live status page: continues from the position that the server rendered, and touches only rows that changed. */

import { HubClient, NOT_YOURS } from "./client.js";
import { Figures } from "./figures.js";
import { _ } from "./messages.js";
import { h, morphChildren } from "./morph.js";
import { aftermath, answer, entries, historyDays, maintenances, reportText, since, title, viewersText } from "./present.js";
import { credential, noteAccount, watchSession } from "./session.js";
import { View } from "./view.js";
import { showVisitor, vanish } from "./visitor.js";
import { STATUS_WORDS, UPDATE_WORDS, Zone, ago, sentence } from "./words.js";

const TICK_MS = 15_000;
const RELOAD_WITHIN_MS = 3_000;
const RETURN_WITHIN_MS = 10_000;
const byId = (id) => document.getElementById(id);
const at = (text) => Date.parse(text);

class Page {
  constructor(snapshot) {
    this.zone = new Zone(snapshot.page.time_zone);
    this.then = snapshot.at ? at(snapshot.at) : null; // the instant that is looked at, null for now
    this.held = () => {}; // what slider.js makes of live changes meanwhile
    this.now = () => this.then ?? Date.now();
    this.view = new View({ slug: snapshot.page.slug, zone: this.zone, now: this.now });
    this.signatures = new Map();
    this.snapshot = snapshot;
    this.day = this.zone.dayNumber(this.now());
    this.render(snapshot, { isFirst: true });
    this.figures = new Figures(this);
  }

  /** Draw `snapshot`. The first time nothing is built: the server did, and what it drew from is noted. */
  render(snapshot, { isFirst = false } = {}) {
    const before = this.snapshot;
    this.figures?.run();
    this.snapshot = snapshot;
    const { view, zone } = this;
    const now = this.now();
    const names = Object.fromEntries(snapshot.components.map((c) => [c.id, c.name]));
    const known = JSON.stringify(names);
    const planned = maintenances(snapshot, now);
    const parts = entries(snapshot);
    const days = historyDays(snapshot, zone, now);
    const rows = (id, inner, list, signature, build) => {
      this.rows(byId(id).querySelector(inner), id + inner, list, signature, build, isFirst);
    };
    rows("incidents", ".list", snapshot.incidents, (i) => [i.id, i, known], (i) => view.incident(i, names));
    rows("running", ".list", planned.running, (m) => [m.id, m, known], (m) => view.maintenance(m, names));
    rows("upcoming", ".list", planned.soon, (m) => [m.id, m, known], (m) => view.maintenance(m, names));
    rows("upcoming", ".more .list", planned.later, (m) => [m.id, m, known], (m) => view.maintenance(m, names));
    rows(
      "components", ".list", parts,
      (e) => [e.group ? `g-${e.group.id}` : `c-${e.components[0].id}`, e.group, e.isOpen, ...e.components],
      (e) => view.entry(e),
    );
    rows("history", ".list", days, (d) => [d.title, ...d.incidents], (d) => view.day(d));
    if (isFirst) return;
    this.hide("incidents", !snapshot.incidents.length);
    this.hide("running", !planned.running.length);
    this.hide("upcoming", !planned.soon.length && !planned.later.length);
    byId("upcoming").querySelector(".more").hidden = !planned.later.length;
    byId("components").querySelector(".list").hidden = !parts.length;
    byId("components").querySelector(".empty").hidden = parts.length > 0;
    this.hide("how", !parts.length);
    this.hide("history", !days.length);
    if (snapshot.maintenances !== before.maintenances) this.months();
    this.figures.drawn(before, snapshot);
    this.unfold(before, parts);
    this.top(snapshot, now);
  }

  /** Another snapshot than one that follows from the last: after a long absence, or with other rights. */
  restart(snapshot) {
    const known = new Set(this.snapshot.components.map((c) => c.id));
    byId("announcer").replaceChildren();
    this.figures.hide();
    this.render(snapshot);
    this.console(snapshot);
    if (snapshot.components.some((c) => c.showcase && !known.has(c.id))) this.figures.soon();
  }

  /** Draw the page as it was at `then` (ms since 1970), null: as it is now. */
  show(snapshot, then) {
    this.then = then;
    this.restart(snapshot);
  }

  /** The way to the console, for operators alone. */
  console({ page, channel }) {
    byId("console")?.remove();
    if (!channel.endsWith("@all")) return;
    document.querySelector(".bottom .links").append(h("a", { id: "console", href: `/console?page=${encodeURIComponent(page.slug)}` }, _("Console")));
  }

  hide(id, isHidden) {
    if (byId(id).hidden !== isHidden) byId(id).hidden = isHidden;
  }

  /** Rows of one list: one whose signature (key first) is as before keeps its element untouched. */
  rows(container, name, list, signature, build, isFirst) {
    const old = this.signatures.get(name) ?? new Map();
    const fresh = new Map(list.map((item) => [signature(item)[0], signature(item)]));
    this.signatures.set(name, fresh);
    if (isFirst) return;
    const isSame = (a, b) => a && a.length === b.length && a.every((part, index) => part === b[index]);
    const present = new Map([...container.children].map((element) => [element.dataset.key, element]));
    const wanted = list.map((item) => {
      const [key] = signature(item);
      return isSame(old.get(key), fresh.get(key)) && present.has(key) ? present.get(key) : build(item);
    });
    if (wanted.length === container.children.length && wanted.every((row, index) => row === container.children[index])) return;
    morphChildren(container, wanted);
  }

  /** A group in trouble opens itself, at the moment the trouble comes; closing it again is the reader's choice. */
  unfold(before, parts) {
    const was = new Map(entries(before).map((e) => [e.group?.id, e.affected]));
    for (const e of parts) {
      if (e.group && e.affected > 0 && !was.get(e.group.id)) {
        document.querySelector(`[data-key="g-${e.group.id}"] > details`)?.setAttribute("open", "");
      }
    }
  }

  /** Since when it is so, or what has just ended. */
  since(shown, now) {
    const element = byId("since");
    setText(element, shown.sinceText ?? aftermath(this.snapshot, now));
    if (!shown.sinceAt) delete element.dataset.since;
    else if (element.dataset.since !== shown.sinceAt) element.dataset.since = shown.sinceAt;
  }

  /** The grid of days with maintenance, drawn anew. */
  async months() {
    const box = byId("months").querySelector(".months");
    const known = new Set(this.snapshot.maintenances.map((m) => `#maintenance-${m.id}`));
    if ([...box.querySelectorAll("a")].some((link) => !known.has(link.getAttribute("href")))) box.replaceChildren(); // at once
    const { months } = await import("./month-grid.js");
    box.replaceChildren(...months(this.snapshot.maintenances, this.zone, this.now()));
  }

  top(snapshot, now) {
    const shown = answer(snapshot, this.zone, now);
    const banner = byId("answer");
    setText(byId("sentence"), shown.sentence);
    this.since(shown, now);
    if (!banner.classList.contains(`s-${shown.tone}`)) {
      banner.className = `answer s-${shown.tone}`;
      banner.querySelector("use").setAttribute("href", `#i-${shown.tone}`);
      byId("favicon").href = `${document.body.dataset.static}favicon-${shown.tone}.svg`;
    }
    const heading = title(snapshot, shown);
    if (document.title !== heading) document.title = heading;
    document.querySelector("meta[name=description]").content = shown.sentence;
    dress(snapshot.page);
    setText(byId("intro"), snapshot.page.description ?? "");
    byId("intro").hidden = !snapshot.page.description;
    setText(byId("report"), reportText(snapshot.report));
    byId("report").hidden = !snapshot.report;
    setText(byId("viewers"), viewersText(snapshot.summary));
  }

  /** Times that run: durations, "12 min ago"; at midnight the days. */
  tick() {
    const now = this.now();
    this.figures.tick();
    this.since(answer(this.snapshot, this.zone, now), now);
    for (const element of document.querySelectorAll("span[data-since]")) setText(element, since(element.dataset.since, this.zone, now));
    for (const element of document.querySelectorAll("time.when")) setText(element.querySelector(".rel"), ago(at(element.dateTime), now));
    const day = this.zone.dayNumber(now);
    if (day !== this.day) {
      this.day = day;
      this.render(this.snapshot);
      this.months();
      this.figures.tomorrow();
    }
  }
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The page's own name, logo and style sheet, where they have changed. */
function dress(page) {
  const brand = document.querySelector(".brand");
  const logo = brand.querySelector("img");
  if (!page.logo_url) setText(brand, page.title);
  else if (logo?.getAttribute("src") !== page.logo_url || logo.alt !== page.title) {
    brand.replaceChildren(h("img", { class: "logo", src: page.logo_url, alt: page.title, height: 40 }));
  }
  const sheet = document.getElementById("page-style");
  if ((sheet?.getAttribute("href") ?? null) === (page.css_url ?? null)) return;
  sheet?.remove();
  if (page.css_url) document.head.append(h("link", { rel: "stylesheet", href: page.css_url, id: "page-style" }));
}

/** One sentence for the live region; null for what moves too often to be spoken. */
function announcement(event, before, snapshot) {
  const set = event.set ?? {};
  if (event.type === "summary.published" || event.type === "report.published") return null;
  const said = [];
  for (const incident of [...(set.incidents ?? []), ...(set.history ?? [])]) {
    const old = [...before.incidents, ...before.history].find((other) => other.id === incident.id);
    const words = { name: incident.name, status: UPDATE_WORDS[incident.status] };
    const isNews = !old || old.status !== incident.status || old.updates.length < incident.updates.length;
    if (isNews) said.push(old ? _("{name}: {status}.", words) : _("New incident: {name}: {status}.", words));
  }
  for (const maintenance of set.maintenances ?? []) {
    const old = before.maintenances.find((other) => other.id === maintenance.id);
    if (!old || old.status !== maintenance.status) said.push(_("Maintenance {name}: {status}.", { name: maintenance.name, status: UPDATE_WORDS[maintenance.status] }));
  }
  for (const component of set.components ?? []) {
    const old = before.components.find((other) => other.id === component.id);
    if (old && old.status !== component.status) said.push(_("{name}: {status}.", { name: component.name, status: STATUS_WORDS[component.status] }));
  }
  if (set.status && set.status.description !== before.status.description) said.push(`${sentence(snapshot.status.description)}.`);
  return said.length ? said.join(" ") : null;
}

/** Whether an event tells of days before today, whose bars then have changed. One of a page that is as before tells of weights. */
function touchesPast({ type, set = {} }, before, isPast) {
  if (/^(incident|maintenance)\.(edited|deleted)$/.test(type)) return true;
  const other = { updated_at: 0, version: 0, weights: 0 };
  if (type === "page.updated") return JSON.stringify({ ...set.page, ...other }) === JSON.stringify({ ...before.page, ...other });
  const starts = new Map(before.components.map((c) => [c.id, c.start_date]));
  if ((set.components ?? []).some((c) => starts.has(c.id) && starts.get(c.id) !== c.start_date)) return true;
  if (type !== "incident.opened" && type !== "incident.updated") return false;
  const known = new Set([...before.incidents, ...before.history].flatMap((i) => i.updates.map((update) => update.id)));
  return [...(set.incidents ?? []), ...(set.history ?? [])].some((incident) =>
    incident.updates.some((update) => !known.has(update.id) && isPast(update.display_at)));
}

const LIVE = {
  live: ["●", () => _("live")],
  connecting: ["◌", () => _("connecting…")],
  reconnecting: ["◌", () => _("reconnecting…")],
  stale: ["⚠", (page, client) => _("not live, as of {clock}", { clock: page.zone.clock(client.heardAt) })],
  past: ["◷", () => _("not now")],
  ended: ["⚠", (page, client) => _("not live, as of {clock}", { clock: page.zone.clock(client.heardAt) })],
};

function mark(page, client) {
  const [glyph, words] = page.then === null ? (LIVE[client.state] ?? LIVE.connecting) : LIVE.past;
  document.body.dataset.live = page.then !== null ? "past" : client.state === "ended" ? "stale" : client.state;
  setText(byId("live").querySelector(".mark"), glyph);
  setText(byId("live").querySelector(".text"), words(page, client));
  const shown = page.then ?? client.heardAt ?? Date.now(); // what paper says in the place of "live"
  byId("live").dataset.at = `${page.zone.moment(shown, 0)} ${page.zone.offsetName(shown)}`;
}

function theme() {
  const button = byId("theme");
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const label = () => button.setAttribute("aria-label", isDark() ? _("Light theme") : _("Dark theme"));
  button.addEventListener("click", () => {
    const chosen = isDark() ? "light" : "dark";
    // The system's own choice is not stored: the page then goes on following the system.
    if ((chosen === "dark") === dark.matches) delete root.dataset.theme;
    else root.dataset.theme = chosen;
    try {
      if (root.dataset.theme) localStorage.setItem("hub-theme", chosen);
      else localStorage.removeItem("hub-theme");
    } catch { /* storage is off: the choice lasts as long as the page */ }
    label();
  });
  dark.addEventListener("change", label);
  label();
}

/** Load what nobody needs at first sight when `type` first comes to `element`; next time, where the hub is away. */
function atFirst(element, type, load, use) {
  element?.addEventListener(type, () => load().then(use, () => atFirst(element, type, load, use)), { once: true });
}

function main() {
  const snapshot = JSON.parse(byId("snapshot").textContent);
  byId("snapshot").remove(); // what it tells must be gone when it may not be seen any more
  const root = document.documentElement;
  if (root.dataset.account) noteAccount(root.dataset.account);
  const page = new Page(snapshot);
  const client = new HubClient({ slug: snapshot.page.slug, snapshot: page.then === null ? snapshot : null, credential });
  let wasLive = false;
  client.addEventListener("state", () => {
    if (client.state !== "connecting") delete root.dataset.renewing;
    if (client.state === "live") {
      if (wasLive) page.figures.soon(RETURN_WITHIN_MS); // what passed meanwhile was not counted
      wasLive = true;
    }
    mark(page, client);
  });
  client.addEventListener("change", ({ detail }) => {
    if (page.then !== null) return page.held(detail);
    const before = page.snapshot;
    // Other days, other clocks: all of it anew, but not by all at the same moment.
    if (detail.snapshot.page.time_zone !== page.zone.name) setTimeout(() => location.reload(), Math.random() * RELOAD_WITHIN_MS);
    if (!detail.event) return page.restart(detail.snapshot);
    page.render(detail.snapshot);
    const words = announcement(detail.event, before, detail.snapshot);
    if (words) byId("announcer").replaceChildren(h("span", {}, words));
    for (const incident of detail.event.set?.incidents ?? []) arrive(before, incident);
    if (detail.event.type === "report.published" && !detail.event.set?.report) page.figures.reports();
    if (touchesPast(detail.event, before, (text) => page.zone.dayNumber(at(text)) < page.day)) page.figures.soon();
  });
  client.addEventListener("account", ({ detail }) => showVisitor(detail.account));
  client.addEventListener("refused", ({ detail }) => {
    if (detail.code !== NOT_YOURS) return;
    clearInterval(ticking);
    vanish();
  });
  watchSession((account) => {
    if (account !== client.account) client.reconnect();
  });
  theme();
  const loadSlider = () => import("./slider.js");
  const travel = (slider) => slider.travel(page, client, () => mark(page, client));
  if (page.then === null) atFirst(byId("travel"), "toggle", loadSlider, travel);
  else loadSlider().then(travel);
  page.tick();
  const ticking = setInterval(() => {
    page.tick();
    mark(page, client);
  }, TICK_MS);
  client.start();
  atFirst(byId("filter"), "focusin", () => import("./filter.js"), ({ narrow }) =>
    narrow(byId("filter"), byId("components").querySelector(".list"), byId("announcer")));
  atFirst(byId("subscribe"), "toggle", () => import("./subscribe.js"), ({ offer }) => offer(byId("subscribe"), page));
  globalThis.statusHub = { client, page }; // for the curious, and for tests
}

/** A new update of an incident slides in. */
function arrive(before, incident) {
  const old = before.incidents.find((other) => other.id === incident.id);
  if (!old) return byId(`incident-${incident.id}`)?.classList.add("fresh");
  const known = new Set(old.updates.map((update) => update.id));
  for (const update of incident.updates) {
    if (!known.has(update.id)) document.querySelector(`#incident-${incident.id} [data-key="${update.id}"]`)?.classList.add("fresh");
  }
}

if (byId("snapshot")) main();
