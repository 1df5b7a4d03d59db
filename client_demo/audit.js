/** The audit log of a page or a group: who changed what, and how it was before. */

import { h } from "./morph.js";
import { attempt, bdi, button, moment } from "./room.js";
import { list } from "./session.js";

const words = (name) => name.replaceAll("_", " ").replaceAll(".", " ");
const text = (value) => (value === null || value === undefined ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value));

/** What differs between `before` and `after`, one line for each field. */
function changes({ before, after }) {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  const differing = names.filter((name) => JSON.stringify(before?.[name]) !== JSON.stringify(after?.[name]));
  if (!differing.length) return null;
  const line = (name) => h("div", {}, h("dt", {}, words(name)), h("dd", {}, before && h("del", {}, bdi(text(before[name]))), after && h("ins", {}, bdi(text(after[name])))));
  return h("dl", { class: "changes-of" }, differing.map(line));
}

const actor = ({ kind, email, name }) => email ?? name ?? { account: "an account that is gone", key: "a key", system: "the hub" }[kind];

/** `names`: what the ids of objects are called, as far as the page knows. */
function entryRow(entry, names) {
  return h(
    "li", { class: "entry row" },
    h(
      "div", { class: "what" },
      h("p", { class: "name" }, words(entry.action), names.has(entry.object.id) && [" · ", bdi(names.get(entry.object.id))]),
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
