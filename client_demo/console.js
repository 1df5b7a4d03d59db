/** The operator console: one page at a time, drawn from the same live snapshot that visitors follow. */

import { HubClient } from "./client.js";
import { addPage } from "./console-page.js";
import { ComponentsPane } from "./console-components.js";
import { Composer } from "./console-composer.js";
import { Ended } from "./console-ended.js";
import { undoLast } from "./forms.js";
import { OpenPane } from "./console-open.js";
import { OverPane } from "./console-over.js";
import { Templates } from "./console-templates.js";
import { WindowsPane } from "./console-windows.js";
import { h } from "./morph.js";
import { api, credential, forgetSession, noteAccount, watchSession } from "./session.js";
import { STATUS_WORDS, TONES, Zone } from "./words.js";

const byId = (id) => document.getElementById(id);
const LIVE = {
  live: ["●", "live"], connecting: ["◌", "connecting…"], reconnecting: ["◌", "reconnecting…"],
  stale: ["⚠", "not live"], ended: ["⚠", "not live"],
};

const TICK_MS = 20_000; // how old what is said of clocks ("over its time by …") may be

/** What all panes share: the page's snapshot, its zone, lookups in it, and the groups of people that the operator is in. */
class Desk {
  constructor(snapshot, people) {
    this.people = people;
    this.slug = snapshot.page.slug;
    this.zone = new Zone(snapshot.page.time_zone);
    this.snapshot = snapshot;
    this.templates = new Templates(this);
    this.components = new ComponentsPane(this);
    this.open = new OpenPane(this);
    this.windows = new WindowsPane(this);
    this.over = new OverPane(this);
    this.ended = new Ended(this);
    this.composer = new Composer(this);
    this.draw(snapshot);
    setInterval(() => this.draw(this.snapshot), TICK_MS);
  }

  component(id) {
    return this.snapshot.components.find((c) => c.id === id);
  }

  incident(id) {
    return this.snapshot.incidents.find((i) => i.id === id);
  }

  /** `Tracking: Major outage, …` */
  wordsText(words) {
    return Object.entries(words).map(([id, word]) => `${this.component(id)?.name ?? id}: ${STATUS_WORDS[word]}`).join(", ") || "none";
  }

  /** [group, its components] as the page has them; what is in no group comes last, under a group without id. */
  groups(withEmpty = false) {
    const { groups, components } = this.snapshot;
    const known = new Set(groups.map((group) => group.id));
    const sets = groups.map((group) => [group, components.filter((c) => c.group_id === group.id)]);
    sets.push([{ id: "", name: groups.length ? "Others" : "" }, components.filter((c) => !known.has(c.group_id))]);
    return withEmpty ? sets : sets.filter(([group, members]) => members.length || group.id);
  }

  /** `25 Nov, 14:05 UTC+1`: a time of the console always says its zone. */
  stamp(text) {
    const at = Date.parse(text);
    return `${this.zone.moment(at, Date.now())} ${this.zone.offsetName(at)}`;
  }

  draw(snapshot) {
    const focused = document.activeElement;
    this.snapshot = snapshot;
    byId("rollup").replaceChildren(h("span", { class: `rollup-text s-${TONES[snapshot.status.indicator]}` }, snapshot.status.description));
    this.components.draw(snapshot);
    this.open.draw(snapshot);
    this.windows.draw(snapshot);
    this.ended.draw(snapshot);
    this.composer.draw();
    document.title = `${snapshot.page.title} · Console`;
    // A row that changed its place was lifted out for a moment, and its focus with it.
    if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
  }
}

function follow(snapshot, people) {
  const desk = new Desk(snapshot, people);
  const client = new HubClient({ slug: desk.slug, snapshot, credential });
  const leave = () => {
    client.stop();
    byId("main").replaceChildren(h("p", { class: "empty" }, "This page is no longer yours to edit. ", h("a", { href: "/console" }, "To the pages that are"), "."));
    document.title = "Console · Status Hub";
  };
  client.addEventListener("change", ({ detail }) => {
    // Another view than the operators' lacks what the desk is made of.
    if (!detail.snapshot.channel?.endsWith("@all")) return leave();
    desk.draw(detail.snapshot);
    for (const pane of [desk.over, desk.ended]) pane.hear(detail.event);
  });
  client.addEventListener("account", ({ detail }) => { if (detail.account === null) signIn(); });
  watchSession((account) => { if (account !== client.account) location.reload(); });
  client.addEventListener("state", ({ detail }) => {
    const [glyph, words] = LIVE[detail.state] ?? LIVE.connecting;
    document.body.dataset.live = detail.state === "ended" ? "stale" : detail.state;
    byId("live").querySelector(".mark").textContent = glyph;
    byId("live").querySelector(".text").textContent = words;
  });
  client.addEventListener("refused", leave);
  client.start();
  keys(desk);
  globalThis.statusHub = { client, desk }; // for the curious, and for tests
}

function keys(desk) {
  const dialog = byId("keys");
  const show = () => dialog.showModal();
  byId("keys-button").addEventListener("click", show);
  document.addEventListener("keydown", (event) => {
    const { target } = event;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      // In a question the chosen answer is what is sent.
      if (target.matches("dialog form[method] button")) target.click();
      else target.closest("form")?.requestSubmit();
      return;
    }
    const isTyping = target.matches("input, textarea, select") || document.querySelector("dialog[open]");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      "?": show,
      c: () => desk.components.focusFirst(),
      n: () => desk.composer.focus("incident"),
      m: () => desk.composer.focus("maintenance"),
      u: () => desk.open.focusNewest(),
      z: undoLast,
      t: () => desk.templates.manage(),
      "/": () => byId("find-component").focus(),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

function signIn() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

async function main() {
  let me;
  let pages;
  try {
    me = await api("GET", "/me");
    pages = await api("GET", "/pages");
  } catch (error) {
    if (error.status === 401) return signIn();
    byId("calm").hidden = false;
    byId("calm").textContent = error.message;
    return;
  }
  noteAccount(me.id);
  byId("who").textContent = me.email;
  byId("sign-out").addEventListener("click", async () => {
    await api("POST", "/auth/logout").catch(() => null);
    forgetSession();
    location.assign("/login");
  });
  const mine = pages.filter((page) => me.is_admin || ["owner", "editor"].includes(me.roles[page.id]));
  const chooser = byId("chooser");
  chooser.replaceChildren(...mine.map((page) => h("option", { value: page.slug }, page.title)));
  chooser.disabled = mine.length < 2;
  byId("new-page").hidden = !me.is_admin;
  byId("new-page").addEventListener("click", () => addPage());
  if (!mine.length) {
    const words = me.is_admin
      ? ["There is no page yet.", h("p", { class: "actions" }, h("button", { type: "button", class: "main", onclick: () => addPage() }, "Make the first page"))]
      : ["There is no page that you may edit. An owner of one can give you a role, or an administrator can make one.", h("a", { href: "/" }, "The pages that you may look at")];
    byId("main").replaceChildren(h("div", { class: "empty" }, ...words));
    byId("main").classList.add("alone");
    document.body.dataset.alone = "";
    return;
  }
  const asked = new URLSearchParams(location.search).get("page");
  const slug = mine.some((page) => page.slug === asked) ? asked : mine[0].slug;
  chooser.value = slug;
  chooser.addEventListener("change", () => location.assign(`/console?page=${encodeURIComponent(chooser.value)}`));
  byId("public").href = `/p/${slug}`;
  byId("public").hidden = false;
  byId("settings").href = `/console/settings?page=${encodeURIComponent(slug)}`;
  byId("settings").hidden = false;
  byId("people").href = `/console/people?page=${encodeURIComponent(slug)}`;
  byId("people").hidden = !(me.is_admin || me.roles[mine.find((page) => page.slug === slug).id] === "owner");
  const [snapshot, people] = await Promise.all([api("GET", `/pages/${slug}/snapshot`), api("GET", "/groups").catch(() => [])]);
  follow(snapshot, people);
}

await main();
