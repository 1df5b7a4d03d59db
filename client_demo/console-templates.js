/** Templates: chosen in a form, kept from it, and looked after in a list of their own. */

import { field, select, toast } from "./forms.js";
import { WordsPicker, ComponentsPicker } from "./console-pickers.js";
import { postpone, saveOver, sheet, toastSaved } from "./console-sheet.js";
import { h } from "./morph.js";
import { api } from "./session.js";
import { UPDATE_WORDS } from "./words.js";

const NAMES = { name: "Name of the template", title: "What it is called", status: "State", body: "Words", components: "Components" };
const STATES = { incident: ["investigating", "identified", "monitoring", "resolved"], maintenance: ["scheduled", "in_progress", "verifying"] };

/** The page's templates, the same list for all that show it. */
export class Templates {
  constructor(desk) {
    this.desk = desk;
    this.path = `/pages/${desk.slug}/templates`;
    this.known = [];
    this.hidden = new Set(); // about to be deleted
    this.choices = [];
    this.load();
  }

  async load() {
    this.known = await api("GET", this.path).catch(() => this.known);
    for (const draw of this.choices) draw();
  }

  of(kind) {
    return this.known.filter((one) => one.kind === kind && !this.hidden.has(one.id));
  }

  /** A choice that fills a form by `use(template)`; `read()`: what the form holds, `restore(held)`: that again. */
  chooser(kind, { use, read, restore }) {
    const choice = h("select", {});
    const draw = () => {
      const found = this.of(kind);
      const { value } = choice;
      choice.replaceChildren(h("option", { value: "" }, found.length ? "none" : "none yet"), ...found.map((one) => h("option", { value: one.id }, one.name)));
      choice.value = found.some((one) => one.id === value) ? value : "";
    };
    this.choices.push(draw);
    draw();
    choice.addEventListener("change", () => {
      const one = this.known.find(({ id }) => id === choice.value);
      if (!one) return;
      const held = read();
      use(one);
      if (held.title || held.body) toast(`“${one.name}” is in the form.`, () => { restore(held); choice.value = ""; });
    });
    const keep = h("button", { type: "button", class: "quiet keep-template", onclick: () => this.keep(kind, read()) }, "Keep as template");
    const manage = h("button", { type: "button", class: "quiet", onclick: () => this.manage() }, "All templates");
    const line = field("template", "Template", choice);
    return { element: h("div", { class: "templates" }, line, h("p", { class: "actions" }, keep, manage)), clear: () => { choice.value = ""; } };
  }

  async keep(kind, held) {
    const name = h("input", { maxlength: "255", value: held.title });
    let made;
    await sheet({
      title: "Keep as a template", answer: "Keep",
      parts: [field("name", NAMES.name, name, "What is in the form now can be had again under this name.")],
      work: async () => { made = await api("POST", this.path, { kind, name: name.value.trim(), ...held }); },
    });
    await this.load();
    if (!made) return;
    toast("Template kept", () => api("DELETE", `${this.path}/${made.id}`, undefined, { "If-Match": `"${made.version}"` }).then(() => this.load(), (error) => toast(error.message)));
  }

  /** All of them, to be changed and deleted. */
  async manage() {
    await this.load();
    const list = h("ul", { class: "plain-list" });
    const draw = () => {
      const rows = ["incident", "maintenance"].flatMap((kind) => this.of(kind)).map((one) =>
        h(
          "li", {},
          h("span", {}, h("bdi", {}, one.name), h("span", { class: "muted" }, ` · ${one.kind}`)),
          h("span", { class: "actions" },
            h("button", { type: "button", onclick: async () => { await this.edit(one); draw(); } }, "Edit", h("span", { class: "vh" }, ` ${one.name}`)),
            h("button", { type: "button", onclick: () => this.drop(one, draw) }, "Delete", h("span", { class: "vh" }, ` ${one.name}`))),
        ),
      );
      list.replaceChildren(...(rows.length ? rows : [h("li", { class: "muted" }, "There is none. “Keep as template” makes one of what is in a form.")]));
    };
    draw();
    await sheet({ title: "Templates", parts: [list], answer: "Done", cancels: null, work: () => true });
  }

  drop(one, draw) {
    const show = (isHidden) => {
      if (isHidden) this.hidden.add(one.id);
      else this.hidden.delete(one.id);
      draw();
      for (const again of this.choices) again();
    };
    show(true);
    postpone(`Deleted: ${one.name}`, () => api("DELETE", `${this.path}/${one.id}`).then(() => this.load()), () => show(false));
  }

  async edit(one) {
    const { desk } = this;
    const name = h("input", { maxlength: "255", value: one.name });
    const title = h("input", { maxlength: "255", value: one.title });
    const state = select({ "": "as usual", ...Object.fromEntries(STATES[one.kind].map((key) => [key, UPDATE_WORDS[key]])) }, one.status ?? "");
    const body = h("textarea", { rows: "5" }, one.body);
    const picker = one.kind === "incident" ? new WordsPicker(desk, "What is affected") : new ComponentsPicker(desk, "What is affected");
    picker.choose(one.components);
    const path = `${this.path}/${one.id}`;
    let wanted;
    let stored = null;
    await sheet({
      title: "Edit the template", answer: "Save", draft: `${desk.slug}:template:${one.id}`,
      parts: [field("name", NAMES.name, name), field("title", NAMES.title, title), field("status", NAMES.status, state), field("body", NAMES.body, body), picker.element],
      work: async () => {
        wanted = { name: name.value.trim(), title: title.value.trim(), status: state.value || null, body: body.value.trim(), components: picker.read() };
        stored = await saveOver({ path, base: one, wanted, names: NAMES, shown: (key, value) => (key === "components" ? desk.wordsText(value) : String(value ?? "none")) });
        return stored !== false;
      },
    });
    await this.load();
    if (stored) toastSaved("Template saved", { path, base: one, stored, wanted });
  }
}

