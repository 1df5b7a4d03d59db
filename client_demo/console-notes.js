/** Notes that operators keep on an incident or a maintenance. Visitors neither see them nor that there are any. */

import { Draft, alertLine, field, submit } from "./forms.js";
import { postpone, saveOver, sheet, toastSaved } from "./console-sheet.js";
import { h, morphChildren, safeHtml } from "./morph.js";
import { api } from "./session.js";

export class Notes {
  /** `path`: address of what they are kept on; `subject()`: that, as it stands on the live page now. */
  constructor(desk, path, subject) {
    Object.assign(this, { desk, path, subject });
    this.hidden = new Set(); // about to be deleted
    this.list = h("ul", { class: "notes" });
    const body = h("textarea", { rows: "2", dir: "auto" });
    const form = h("form", { class: "stack", novalidate: true }, alertLine(), field("body", "New note", body), h("p", { class: "actions" }, h("button", { type: "submit" }, "Keep note")));
    const draft = new Draft(form, `${desk.slug}:note:${path}`);
    draft.restore();
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (!(await submit(form, () => api("POST", `${path}/notes`, { body: body.value.trim() })))) return;
      form.reset();
      draft.clear();
      await this.load();
    });
    this.summary = h("summary", {}, "Notes");
    this.element = h("details", { class: "fold notes-fold" }, this.summary, h("p", { class: "muted small-print" }, "For operators alone: visitors never see these."), this.list, form);
    this.element.addEventListener("toggle", () => this.load());
    this.draw();
  }

  draw() {
    const count = this.subject()?.notes_count;
    this.summary.textContent = count ? `Notes (${count})` : "Notes";
    if (this.element.open && this.state() !== this.shown) this.load();
  }

  /** Another text whenever a note was kept, changed or deleted. */
  state() {
    const { notes_count: count, notes_updated_at: at } = this.subject() ?? {};
    return `${count} ${at}`;
  }

  async load() {
    if (!this.element.open) return;
    this.shown = this.state();
    const notes = await api("GET", `${this.path}/notes`).catch(() => null);
    if (notes) this.show(notes);
  }

  show(notes) {
    this.notes = notes;
    morphChildren(this.list, notes.filter((note) => !this.hidden.has(note.id)).map((note) => this.row(note)));
  }

  row(note) {
    const button = (text, work) => h("button", { type: "button", class: "quiet", onclick: work }, text, h("span", { class: "vh" }, " note"));
    return h(
      "li", { "data-key": `${note.id}-${note.version}` },
      safeHtml("div", { class: "body", dir: "auto" }, note.body_html),
      h("p", { class: "when" }, `${note.author ?? "somebody"} · ${this.desk.stamp(note.created_at)} `, button("Edit", () => this.edit(note)), button("Delete", () => this.drop(note))),
    );
  }

  async edit(note) {
    const body = h("textarea", { rows: "4", dir: "auto" }, note.body);
    const path = `${this.path}/notes/${note.id}`;
    let wanted;
    let stored = null;
    await sheet({
      title: "Edit the note", answer: "Save", draft: `${this.desk.slug}:note-edit:${note.id}`, parts: [field("body", "Note", body)],
      work: async () => {
        wanted = { body: body.value.trim() };
        stored = await saveOver({ path, base: note, wanted, names: { body: "Note" } });
        return stored !== false;
      },
    });
    if (stored) toastSaved("Note saved", { path, base: note, stored, wanted });
    await this.load();
  }

  drop(note) {
    this.hidden.add(note.id);
    this.show(this.notes);
    postpone("Note deleted", () => api("DELETE", `${this.path}/notes/${note.id}`), () => {
      this.hidden.delete(note.id);
      this.show(this.notes);
    });
  }
}
