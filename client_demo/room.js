/** What the pages behind the sign-in share: who is signed in, the way out, and what goes wrong. */

import { ask } from "./forms.js";
import { h } from "./morph.js";
import { api, forgetSession, list, noteAccount, watchSession } from "./session.js";
import { Zone, ago } from "./words.js";

export const byId = (id) => document.getElementById(id);

function toLogin() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

/** Put a trouble that belongs to no form at the head of the page. */
export function trouble(error) {
  if (error?.status === 401) return toLogin();
  const line = byId("trouble");
  line.textContent = error ? (error.status === 404 ? "There is nothing here." : error.message) : "";
  line.hidden = !error;
}

/** Run `work`; what goes wrong is told at the head of the page. True when it went through. */
export async function attempt(work) {
  trouble(null);
  try {
    await work();
    return true;
  } catch (error) {
    if (!("status" in error)) throw error;
    trouble(error);
    byId("trouble").scrollIntoView({ block: "center" });
    return false;
  }
}

/** Draw the page with `draw(me)`, for whoever is signed in; who is not, is sent to sign in. */
export async function enter(draw) {
  byId("sign-out").addEventListener("click", async () => {
    await api("POST", "/auth/logout").catch(() => null);
    forgetSession();
    location.assign("/login");
  });
  let shownTo = null;
  watchSession((account) => { if (shownTo && account !== shownTo) location.reload(); });
  addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); });
  await attempt(async () => {
    const me = await api("GET", "/me");
    shownTo = me.id;
    noteAccount(me.id);
    byId("who").textContent = me.email ?? "";
    const isOperator = me.is_admin || Object.keys(me.roles).length > 0;
    for (const link of document.querySelectorAll("[data-for]")) link.hidden = !(link.dataset.for === "admin" ? me.is_admin : isOperator);
    await draw(me);
    byId("content").hidden = false;
  });
}

const MOST_SHOWN = 500;

/** All rows of a list, as far as one can look through them. */
export async function all(path) {
  const rows = [];
  let cursor = null;
  do {
    const found = await list("GET", `${path}?limit=100${cursor ? `&before=${encodeURIComponent(cursor)}` : ""}`);
    rows.push(...found.data);
    cursor = found.next;
  } while (cursor && rows.length < MOST_SHOWN);
  return rows;
}

/** Sure? `verb` is the button that does it. */
export const isSure = async (title, words, verb) => (await ask(title, [h("p", {}, words)], [["no", "No, go back"], ["yes", verb]])) === "yes";

export const zone = new Zone(Intl.DateTimeFormat().resolvedOptions().timeZone);

/** An instant in the reader's own zone, with how long ago it was. */
export function when(text) {
  const at = Date.parse(text);
  const title = `${zone.moment(at, Date.now())} ${zone.offsetName(at)}`;
  return h("time", { datetime: text, title }, ago(at, Date.now()));
}

/** An instant in the reader's own zone. */
export function moment(text) {
  const at = Date.parse(text);
  return h("time", { datetime: text }, `${zone.moment(at, Date.now())} ${zone.offsetName(at)}`);
}

/** A row of a list: what it is called, facts under it, buttons beside it. */
export function row(name, facts, buttons = []) {
  return h(
    "li", { class: "entry row" },
    h("div", { class: "what" }, h("p", { class: "name" }, name), h("p", { class: "facts" }, facts.filter(Boolean).map((fact) => h("span", {}, fact)))),
    buttons.filter(Boolean).length > 0 && h("div", { class: "actions" }, buttons),
  );
}

export const button = (text, onclick, attributes = {}) => h("button", { type: "button", onclick, ...attributes }, text);
export const bdi = (text) => h("bdi", {}, text);

/** Show `rows` in the list `id`, or the words of `empty`. */
export function fill(id, rows, empty) {
  byId(id).replaceChildren(...rows);
  byId(id).hidden = !rows.length;
  if (empty) byId(empty).hidden = rows.length > 0;
}

/** A secret that is shown once, with a button that copies it. */
export function secret(words, text) {
  const box = h("input", { type: "text", readonly: true, value: text, "aria-label": words, class: "secret" });
  const copy = button("Copy", async () => {
    box.select();
    const isDone = await navigator.clipboard?.writeText(text).then(() => true, () => false);
    copy.textContent = isDone ?? document.execCommand("copy") ? "Copied" : "Press Ctrl+C";
  });
  return h("div", { class: "once" }, h("p", {}, words), h("div", { class: "pairing" }, box, copy));
}
