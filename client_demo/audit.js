/** The audit log of a page or a group: who changed what, and how it was before. */

import { h } from "./morph.js";
import { attempt, bdi, button, moment } from "./room.js";
import { list } from "./session.js";

const words = (name) => name.replaceAll("_", " ").replaceAll(".", " ");
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;
const FEW = 4; // more lines than these are folded away

/** {path in words: plain value} of everything in `value`; what is in a list is called by its name. */
function flatten(value, path = [], found = new Map()) {
  if (Array.isArray(value) && value.every((item) => typeof item !== "object" || item === null)) {
    found.set(path.join(" · "), value.join(", "));
  } else if (Array.isArray(value)) {
    for (const { id, name, ...rest } of value) flatten(rest, [...path.slice(0, -1), name ?? path.at(-1) ?? id], found);
  } else if (value !== null && typeof value === "object") {
    for (const [key, item] of Object.entries(value)) flatten(item, [...path, words(key)], found);
  } else {
    found.set(path.join(" · "), value);
  }
  return found;
}

function plain(value) {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return INSTANT.test(value) ? moment(value) : bdi(String(value));
}

/** What differs between `before` and `after`, one line for each value. */
function changes({ before, after }) {
  const [old, fresh] = [flatten(before ?? {}), flatten(after ?? {})];
  const differing = [...new Set([...old.keys(), ...fresh.keys()])].filter((name) => (old.get(name) ?? null) !== (fresh.get(name) ?? null));
  if (!differing.length) return null;
  const line = (name) =>
    h("div", {}, h("dt", {}, bdi(name)), h("dd", {}, before && h("del", {}, plain(old.get(name))), before && after && h("span", { "aria-hidden": "true" }, "→"), after && h("ins", {}, plain(fresh.get(name)))));
  const lines = h("dl", { class: "changes-of" }, differing.map(line));
  return differing.length <= FEW ? lines : h("details", { class: "small-fold" }, h("summary", {}, `${differing.length} values`), lines);
}

const actor = ({ kind, email, name }) => email ?? name ?? { account: "an account that is gone", key: "a key", system: "the hub" }[kind];

/** What the things in the lists of an entry are called, three at most. */
const called = ({ before, after }) =>
  Object.values(after ?? before ?? {}).flatMap((value) => (Array.isArray(value) ? value.map((item) => item?.name) : [])).filter(Boolean).slice(0, 3).join(", ");

/** `names`: what the ids of objects are called, as far as the page knows. */
function entryRow(entry, names) {
  const name = names.get(entry.object.id) ?? called(entry);
  return h(
    "li", { class: "entry row" },
    h(
      "div", { class: "what" },
      h("p", { class: "name" }, words(entry.action), name && " · ", name && bdi(name)),
      h("p", { class: "facts" }, h("span", {}, bdi(actor(entry.actor))), h("span", {}, moment(entry.at)), entry.address && h("span", {}, bdi(entry.address))),
      changes(entry),
    ),
  );
}

/** Show the log at `path` in `box`, newest first, with a button for older entries. */
export async function showAudit(box, path, names = new Map()) {
  const rows = h("ul", { class: "list rows", hidden: true });
  const more = button("Older changes", () => attempt(load));
  let cursor = null;
  async function load() {
    const found = await list("GET", `${path}?limit=20${cursor ? `&before=${encodeURIComponent(cursor)}` : ""}`);
    rows.append(...found.data.map((entry) => entryRow(entry, names)));
    rows.hidden = !rows.children.length;
    cursor = found.next;
    more.hidden = !cursor;
  }
  await load();
  box.replaceChildren(rows.children.length ? rows : h("p", { class: "empty" }, "Nothing was changed yet."), h("p", { class: "actions" }, more));
}
