/** Dialogs with a form in them, clashes of two who change the same, and what can be taken back for ten seconds. */

import { Draft, alertLine, ask, isFilled, submit, toast } from "./forms.js";
import { h } from "./morph.js";
import { api } from "./session.js";

let count = 0;

/**
 * A dialog around `parts`, open until `work(form)` has gone through: true then, null when it was left. `work` answers
 * false to keep it open. `draft`: the key under which what is typed stays in the browser; Cancel lets it go, Escape not.
 * `cancels`: what Cancel is called, null for none.
 */
export function sheet({ title, parts, answer, work, others = [], draft = null, cancels = "Cancel" }) {
  const id = `sheet-${(count += 1)}`;
  const cancel = h("button", { type: "button", class: "quiet" }, cancels);
  const form = h(
    "form", { class: "stack", novalidate: true },
    alertLine(), ...parts,
    h("p", { class: "actions" }, h("button", { class: "main", type: "submit" }, answer), ...others, cancels && cancel),
  );
  const dialog = h("dialog", { class: "sheet", "aria-labelledby": id }, h("h2", { id }, title), form);
  const kept = draft && new Draft(form, draft);
  if (kept?.restore()) {
    form.prepend(h("p", { class: "hint" }, `What you had typed before is here again; “${cancels}” lets it go.`));
    form.querySelector("textarea")?.dispatchEvent(new Event("input", { bubbles: true })); // a preview follows it
  }
  document.body.append(dialog);
  return new Promise((resolve) => {
    let isDone = null;
    const finish = () => { isDone = true; kept?.clear(); dialog.close(); };
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (isFilled(form) && (await submit(form, () => work(form)))) finish();
    });
    cancel.addEventListener("click", () => { kept?.clear(); dialog.close(); });
    dialog.addEventListener("finish", finish);
    dialog.addEventListener("close", () => { dialog.remove(); resolve(isDone); }, { once: true });
    dialog.showModal();
    form.querySelector("input, select, textarea, button")?.focus();
  });
}

/** A value as text, whatever the order of its keys. */
const plain = (value) =>
  JSON.stringify(value ?? null, (_, part) => (part && typeof part === "object" && !Array.isArray(part) ? Object.fromEntries(Object.entries(part).sort()) : part));
const isSame = (a, b) => plain(a) === plain(b);

/** Both texts, side by side, and what to do: "mine", "theirs", or null for back to one's own form. */
export function askClash(title, pairs) {
  const rows = pairs.map(([name, theirs, mine]) =>
    h(
      "div", { class: "clash" }, h("p", { class: "word" }, name),
      h("p", { class: "pair" }, h("span", { class: "muted" }, "Theirs: "), h("bdi", { class: "theirs" }, theirs)),
      h("p", { class: "pair" }, h("span", { class: "muted" }, "Yours: "), h("bdi", { class: "mine" }, mine)),
    ),
  );
  return ask(title, [h("p", {}, "Somebody else changed it while you did."), ...rows], [["mine", "Put mine in its place"], ["theirs", "Leave theirs"], ["back", "Back to my text"]]);
}

/**
 * PATCH what differs from `base`, made from its version. Where another was first: fields that only one has touched go
 * together, and for the others both texts are shown. `shown(name, value)`: a value in words; `read(stored)`: what is
 * stored as the form has it, as `base` is; `also`: what is sent with it in any case. Gives the stored object, null when nothing differs or theirs is left, false for
 * back to the form.
 */
export async function saveOver({ path, base, wanted, names, shown = (name, value) => String(value ?? "nothing"), read = (stored) => stored, also = {} }) {
  const changes = Object.fromEntries(Object.entries(wanted).filter(([name, value]) => !isSame(value, base[name])));
  if (!Object.keys({ ...changes, ...also }).length) return null;
  try {
    return await api("PATCH", path, { ...changes, ...also, version: base.version });
  } catch (error) {
    if (error.status !== 409 || !error.data) throw error;
    const theirs = read(error.data);
    const both = Object.keys(changes).filter((name) => !isSame(theirs[name], base[name]) && !isSame(theirs[name], changes[name]));
    if (both.length) {
      const answer = await askClash("Two changes at once", both.map((name) => [names[name] ?? name, shown(name, theirs[name]), shown(name, changes[name])]));
      if (answer === "theirs") {
        for (const name of both) delete changes[name];
        if (!Object.keys({ ...changes, ...also }).length) return null;
      } else if (answer !== "mine") return false;
    }
    return api("PATCH", path, { ...changes, ...also, version: theirs.version });
  }
}

/** `Saved`, and a button that puts `base` back for the fields that were changed. */
export function toastSaved(text, { path, base, stored, wanted }) {
  if (!stored) return;
  const before = Object.fromEntries(Object.keys(wanted).filter((name) => isSame(wanted[name], stored[name]) && !isSame(base[name], stored[name])).map((name) => [name, base[name] ?? null]));
  toast(text, async () => {
    await api("PATCH", path, { ...before, version: stored.version }).then(
      () => toast("It is as it was."),
      (error) => toast(error.status === 409 ? "It was changed since; nothing was undone." : error.message),
    );
  });
}

const waiting = new Set();
addEventListener("pagehide", () => { for (const run of [...waiting]) run(); });

/** Do `work` ten seconds from now unless it is taken back by then (`restore`); whoever leaves the page does it at once. */
export function postpone(text, work, restore) {
  const run = () => {
    if (!waiting.delete(run)) return;
    clearTimeout(timer);
    work().catch((error) => { restore(); toast(error.message); });
  };
  const timer = setTimeout(run, 10_000);
  waiting.add(run);
  toast(text, () => {
    if (!waiting.delete(run)) return;
    clearTimeout(timer);
    restore();
  });
}
