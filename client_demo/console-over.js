/** Maintenances that are over or were called off: what was said, what it was called, and when it really ran, corrected. */

import { editMaintenance, removeMaintenance } from "./console-edit.js";
import { Notes } from "./console-notes.js";
import { Updates } from "./console-updates.js";
import { h } from "./morph.js";
import { list } from "./session.js";

const STEP = 10;
const AT_ONCE = 100;

export class OverPane {
  constructor(desk) {
    this.desk = desk;
    this.wanted = STEP;
    this.items = new Map();
    this.cards = new Map();
    this.fold = document.getElementById("over");
    this.box = h("div", {});
    this.none = h("p", { class: "empty", hidden: true }, "None has ended yet.");
    this.more = h("button", { type: "button", class: "quiet", hidden: true, onclick: () => { this.wanted += STEP; this.load(); } }, "Show older ones");
    this.fold.append(this.box, this.none, this.more);
    this.fold.addEventListener("toggle", () => this.load());
  }

  /** Something happened on the page; null: everything may have. */
  hear(event) {
    if (!event || event.type.startsWith("maintenance.")) this.load();
  }

  /** The last `wanted` of them, by REST: the live page tells only of those that are not over. */
  async load() {
    if (!this.fold.open) return;
    const number = (this.asked = (this.asked ?? 0) + 1);
    const found = [];
    let cursor = "";
    try {
      do {
        const { data, next } = await list("GET", `/pages/${this.desk.slug}/maintenances?limit=${AT_ONCE}${cursor && `&before=${encodeURIComponent(cursor)}`}`);
        found.push(...data.filter((m) => m.status === "completed"));
        cursor = next;
      } while (cursor && found.length <= this.wanted);
    } catch {
      return; // the mark at the head says that the line is lost
    }
    if (number !== this.asked) return;
    this.more.hidden = found.length <= this.wanted;
    this.draw(found.slice(0, this.wanted));
  }

  draw(found) {
    this.items = new Map(found.map((m) => [m.id, m]));
    this.none.hidden = found.length > 0;
    for (const [id, card] of this.cards) {
      if (this.items.has(id)) continue;
      card.element.remove();
      this.cards.delete(id);
    }
    found.forEach((m, index) => {
      const card = this.cards.get(m.id) ?? new OverCard(this, m.id);
      this.cards.set(m.id, card);
      card.draw(m);
      if (this.box.children[index] !== card.element) this.box.insertBefore(card.element, this.box.children[index] ?? null);
    });
  }
}

class OverCard {
  constructor(pane, id) {
    Object.assign(this, { pane, id, desk: pane.desk, path: `/pages/${pane.desk.slug}/maintenances/${id}` });
    this.name = h("bdi", {});
    this.words = h("span", { class: "muted" });
    this.ran = h("p", { class: "muted small-print" });
    this.element = h("details", { class: "fold ended", "data-key": id }, h("summary", {}, this.name, " ", this.words));
    this.element.addEventListener("toggle", () => this.open());
  }

  get now() {
    return this.pane.items.get(this.id);
  }

  draw(m) {
    const { desk } = this;
    this.name.textContent = m.name;
    this.words.textContent = m.cancelled_at ? `Called off ${desk.stamp(m.cancelled_at)}` : `Completed ${desk.stamp(m.completed_at)}`;
    const planned = desk.zone.window(Date.parse(m.scheduled_for), Date.parse(m.scheduled_until), Date.now());
    const ran = m.started_at && desk.zone.window(Date.parse(m.started_at), Date.parse(m.completed_at), Date.now());
    const names = m.components.map((key) => desk.component(key)?.name).filter(Boolean).join(", ");
    this.ran.textContent = [`Planned: ${planned}`, ran && `ran: ${ran}`, names].filter(Boolean).join(" · ");
    this.updates?.draw();
    this.notes?.draw();
  }

  /** What is inside is made when it is first looked at. */
  open() {
    if (this.updates || !this.element.open) return;
    const { desk } = this;
    this.updates = new Updates(desk, this.path, () => this.now, "maintenance");
    this.notes = new Notes(desk, this.path, () => this.now);
    const button = (text, work) => h("button", { type: "button", class: "quiet", onclick: work }, text);
    this.element.append(
      h(
        "div", { class: "stack" }, this.ran, h("div", { class: "folds" }, this.updates.element, this.notes.element),
        h("p", { class: "actions" }, button("Edit name, components, times", () => editMaintenance(desk, this.now)), button("Delete", () => removeMaintenance(desk, this.now))),
      ),
    );
  }
}
