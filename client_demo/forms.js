/** Forms of all pages: fields with their errors beside them, drafts that survive, questions in a dialog. */

import { _ } from "./messages.js";
import { h } from "./morph.js";

let count = 0;

/** A labelled control. `name` is the path the API calls the field by; its error is shown under it. */
export function field(name, label, control, hint) {
  const id = `f${(count += 1)}`;
  control.id = id;
  control.name = name;
  control.setAttribute("aria-describedby", `${id}-error`);
  return h(
    "div", { class: "field", "data-field": name },
    h("label", { for: id }, label),
    control,
    hint && h("p", { class: "hint" }, hint),
    h("p", { class: "error", id: `${id}-error`, hidden: true }),
  );
}

export const select = (options, value) =>
  h("select", {}, Object.entries(options).map(([key, text]) => h("option", { value: key, selected: key === value }, text)));

export const check = (name, label, checked) => {
  const box = h("input", { type: "checkbox", name, checked });
  return h("label", { class: "check" }, box, h("span", {}, label));
};

/** What the API says of a field ("must have …") as a sentence; others are sentences already. */
const sentence = (label, text) => (/^[a-z]/.test(text) ? `${label} ${text}.` : text);

/** What went wrong; where the hub has said how long to wait, with that in words. */
const told = ({ message, retryAfter_s: s }) =>
  s ? _("Too many requests; try again in {length}.", { length: s < 90 ? _("{n} s", { n: s }) : _("{n} min", { n: Math.ceil(s / 60) }) }) : message;

/** `must come after scheduled_for` → `must come after “From”`: fields by what the form calls them. */
const called = (form, text) =>
  text.replace(/\b[a-z]+(?:_[a-z]+)+\b/g, (name) => {
    const label = form.querySelector(`[data-field="${name}"] :is(label, legend)`);
    return label ? `“${label.textContent}”` : name;
  });

export const alertLine = () => h("p", { class: "alert", role: "alert", hidden: true });

/** An error in words, for a place that has no fields. */
export const alertText = (error) => (error.fields ? Object.entries(error.fields).map(([name, text]) => sentence(`“${name}”`, text)).join(" ") : told(error));

/** Show `fields` of an error next to their controls and the rest above; with none, clear all. */
export function showErrors(form, error) {
  const said = error?.code === "version_conflict" ? null : error?.fields; // numbers of versions tell nobody anything
  const fields = { ...said };
  let first = null;
  for (const box of form.querySelectorAll("[data-field]")) {
    const name = box.dataset.field;
    const key = name in fields ? name : Object.keys(fields).find((path) => path.startsWith(`${name}.`));
    const control = box.querySelector("input, select, textarea");
    const text = key === undefined ? "" : sentence(box.querySelector("summary, label, legend").textContent, called(form, fields[key]));
    box.querySelector(".error").textContent = text;
    box.querySelector(".error").hidden = !text;
    if (text) control?.setAttribute("aria-invalid", "true");
    else control?.removeAttribute("aria-invalid");
    if (text) first ??= control;
    if (text) box.closest("details")?.setAttribute("open", "");
    if (key !== undefined) delete fields[key];
  }
  const rest = Object.entries(fields).map(([name, text]) => `${name}: ${text}`);
  const alert = form.querySelector(".alert");
  alert.textContent = error ? (said ? rest.join("; ") : told(error)) : "";
  alert.hidden = !alert.textContent;
  if (error?.status === 401 && document.getElementById("toasts")) {
    const next = `/login?next=${encodeURIComponent(location.pathname + location.search)}`;
    const kept = "kept" in form.dataset ? "Your session has ended. What you have typed stays in this browser: " : "Your session has ended: ";
    alert.replaceChildren(kept, h("a", { href: next }, "sign in"), ", and go on.");
  }
  if (first) first.focus();
  else if (!alert.hidden) alert.scrollIntoView({ block: "nearest" }); // the button may be a long way down
}

/** Whether nothing that is required is missing; what is, is asked for. */
export function isFilled(form) {
  const fields = {};
  for (const control of form.querySelectorAll("[required]")) {
    if (control.value.trim()) continue;
    fields[control.name] = control.dataset.missing ?? `Fill in “${form.querySelector(`label[for="${control.id}"]`).textContent}”.`;
  }
  const isEmpty = Object.keys(fields).length > 0;
  if (isEmpty) showErrors(form, { fields });
  return !isEmpty;
}

const busy = new WeakSet();

/**
 * Run `work` with the form's buttons off; errors go into the form. True when it went through; false where `work` says so,
 * and while the form is being sent already.
 */
export async function submit(form, work) {
  if (busy.has(form)) return false;
  busy.add(form);
  showErrors(form, null);
  const focused = document.activeElement;
  const buttons = [...form.querySelectorAll("button")];
  for (const button of buttons) button.disabled = true;
  try {
    return (await work()) !== false;
  } catch (error) {
    if (error.name !== "ApiError" && !("status" in error)) throw error;
    showErrors(form, error);
    return false;
  } finally {
    busy.delete(form);
    for (const button of buttons) button.disabled = false;
    // A button that was off could not have the focus back from a dialog.
    if (document.activeElement === document.body && form.contains(focused)) focused.focus({ preventScroll: true });
  }
}

/** Keep what is typed in `form` under `key` until it is sent: a session that ends, or a closed tab, loses nothing. */
export class Draft {
  constructor(form, key) {
    this.form = form;
    this.key = `hub-draft:${key}`;
    form.dataset.kept = ""; // so that whoever has to sign in again is told so
    form.addEventListener("input", () => this.save());
  }

  save() {
    const values = {};
    for (const control of this.form.querySelectorAll("[name]")) {
      values[control.name] = control.type === "checkbox" ? control.checked : control.value;
    }
    try { localStorage.setItem(this.key, JSON.stringify(values)); } catch { /* storage is off or full */ }
  }

  read() {
    try { return JSON.parse(localStorage.getItem(this.key)); } catch { return null; /* unreadable: as if there were none */ }
  }

  restore() {
    const values = this.read();
    if (!values) return false;
    for (const control of this.form.querySelectorAll("[name]")) {
      if (!(control.name in values)) continue;
      if (control.type === "checkbox") control.checked = values[control.name];
      else control.value = values[control.name];
    }
    return true;
  }

  /** Whether something is kept in a control whose name begins with `prefix`: rows for it have to be there first. */
  mentions(prefix) {
    return Object.entries(this.read() ?? {}).some(([name, value]) => name.startsWith(prefix) && value);
  }

  clear() {
    try { localStorage.removeItem(this.key); } catch { /* storage is off */ }
  }
}

let answered = Promise.resolve();

/** Ask in a dialog, one question at a time; resolves with the value of the button that was taken, null on Escape. */
export function ask(...question) {
  const answer = answered.then(() => pose(...question));
  answered = answer;
  return answer;
}

function pose(title, body, answers) {
  const dialog = document.getElementById("question");
  document.getElementById("question-title").textContent = title;
  document.getElementById("question-body").replaceChildren(...body);
  const buttons = answers.map(([value, text], index) => h("button", { value, class: index === 0 ? "main" : "" }, text));
  document.getElementById("question-actions").replaceChildren(...buttons);
  dialog.returnValue = "";
  // A key that is still held down from what has asked answers nothing.
  dialog.onkeydown = (event) => { if (event.repeat && event.key === "Enter") event.preventDefault(); };
  dialog.showModal();
  buttons[0].focus();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue || null), { once: true }));
}

/** A line at the foot of the page; `undo` gives it a button for ten seconds. */
export function toast(text, undo) {
  const box = document.getElementById("toasts");
  const line = h("div", { class: "toast" }, h("span", {}, text));
  const close = () => line.remove();
  if (undo) {
    const take = () => { close(); undo(); };
    line.undo = take;
    line.append(h("button", { type: "button", onclick: take }, "Undo"));
  }
  box.prepend(line);
  while (box.children.length > 3) box.lastElementChild.remove();
  setTimeout(close, undo ? 10_000 : 5_000);
}

/** Take back the newest change that still can be. */
export function undoLast() {
  [...document.getElementById("toasts").children].find((line) => line.undo)?.undo();
}
