/** Choosing components, with or without a word on each, and who sees something. */

import { check, field, select } from "./forms.js";
import { h } from "./morph.js";
import { STATUS_WORDS } from "./words.js";

const FILTER_FROM = 13; // fewer are seen at a glance

/** A fold with a row for each component, and a box to find some where there are many. */
class Picker {
  constructor(desk, title, prefix) {
    this.desk = desk;
    this.prefix = prefix;
    this.list = h("ul", { class: "words" });
    this.count = h("span", { class: "muted" });
    this.filter = h("input", { type: "search", placeholder: "Find a component", "aria-label": "Find a component", hidden: true });
    this.element = h(
      "details", { class: "picker field", "data-field": "components" },
      h("summary", {}, title, " ", this.count), this.filter, this.list, h("p", { class: "error", hidden: true }),
    );
    this.element.addEventListener("toggle", () => { if (this.element.open) this.fill(); });
    this.element.addEventListener("input", () => this.tell());
    this.filter.addEventListener("input", (event) => { event.stopPropagation(); this.find(); });
  }

  /** Rows for the components of now; choices already made stay. */
  fill() {
    const made = this.read();
    const members = this.desk.groups().flatMap(([, components]) => components);
    this.list.replaceChildren(...members.map((c) => this.row(c, made)));
    this.filter.hidden = members.length < FILTER_FROM;
    this.find();
    this.tell();
  }

  find() {
    const wanted = this.filter.value.trim().toLowerCase();
    for (const row of this.list.children) row.hidden = wanted !== "" && !row.textContent.toLowerCase().includes(wanted);
  }

  controls() {
    return [...this.list.querySelectorAll("select, input")];
  }

  idOf(control) {
    return control.name.slice(this.prefix.length);
  }

  tell() {
    const count = Object.keys(this.read()).length;
    this.count.textContent = count ? `(${count})` : "";
  }

  clear() {
    this.choose({});
    this.element.open = false;
  }
}

/** One select per component; "as it is" says nothing. `current(id)` is the incident's word so far. */
export class WordsPicker extends Picker {
  constructor(desk, title, current = () => undefined) {
    super(desk, title, "components.");
    this.current = current;
  }

  row(c, made) {
    const word = this.current(c.id);
    const control = select({ "": word ? `as it is (${STATUS_WORDS[word]})` : "not affected", ...STATUS_WORDS }, made[c.id] ?? "");
    control.name = `${this.prefix}${c.id}`;
    return h("li", {}, h("label", {}, h("span", { dir: "auto" }, c.name), control));
  }

  /** Take `words` for what is affected, as a template has them. */
  choose(words) {
    if (Object.keys(words).length) this.fill();
    for (const control of this.controls()) control.value = words[this.idOf(control)] ?? "";
    this.tell();
  }

  /** {id: status}. */
  read() {
    return Object.fromEntries(this.controls().filter((control) => control.value).map((control) => [this.idOf(control), control.value]));
  }
}

/** One box per component. */
export class ComponentsPicker extends Picker {
  constructor(desk, title) {
    super(desk, title, "affects.");
  }

  row(c, made) {
    return h("li", {}, check(`${this.prefix}${c.id}`, c.name, c.id in made));
  }

  choose(words) {
    if (Object.keys(words).length) this.fill();
    for (const control of this.controls()) control.checked = this.idOf(control) in words;
    this.tell();
  }

  /** {id: "under_maintenance"}. */
  read() {
    return Object.fromEntries(this.controls().filter((control) => control.checked).map((control) => [this.idOf(control), "under_maintenance"]));
  }

  ids() {
    return Object.keys(this.read());
  }
}

const AUDIENCES = { public: "Everybody", authenticated: "Everybody who signs in", verified: "Accounts with a confirmed address" };

export const audienceWords = (desk, audience) => {
  const found = desk.people.find((group) => `group:${group.slug}` === audience);
  return AUDIENCES[audience] ?? (found ? `Members of ${found.name}` : `Members of ${audience.slice("group:".length)}`);
};

/** A select of who sees something: the page's own audience, a level, or a group that the operator is in. */
export function audienceSelect(desk, value = null) {
  const groups = desk.people.map((group) => `group:${group.slug}`);
  const known = [...Object.keys(AUDIENCES), ...groups, ...(value && !(value in AUDIENCES) && !groups.includes(value) ? [value] : [])];
  const own = `As the page: ${audienceWords(desk, desk.snapshot.page.audience)}`;
  return select({ "": own, ...Object.fromEntries(known.map((name) => [name, audienceWords(desk, name)])) }, value ?? "");
}

/** The field of an audience that counts only while no component is named. */
export function audienceField(desk, picker) {
  const control = audienceSelect(desk);
  const element = field("audience", "Who sees it", control, "Counts while no component is chosen; with components, whoever sees one of them sees it.");
  const draw = () => { element.hidden = Object.keys(picker.read()).length > 0; };
  picker.element.addEventListener("input", draw);
  return { element, control, draw, read: () => (element.hidden ? null : control.value || null) };
}
