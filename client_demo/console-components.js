/** Left side: every component with its five statuses. Keys 1–5 set the focused one; ten seconds to take it back. */

import { Arrangement } from "./console-arrange.js";
import { addComponent, addGroup, editComponent, editGroup } from "./console-component.js";
import { ask, toast } from "./forms.js";
import { h, morph, morphChildren } from "./morph.js";
import { api } from "./session.js";
import { icon, status } from "./view.js";
import { STATUSES, STATUS_WORDS } from "./words.js";

const FILTER_FROM = 13; // fewer are seen at a glance

export class ComponentsPane {
  constructor(desk) {
    this.desk = desk;
    this.box = document.getElementById("components");
    this.filter = document.getElementById("find-component");
    this.arrangement = new Arrangement(this);
    this.known = new Map(); // id → {looks, element}
    this.sets = new Map(); // group's id → element
    this.box.addEventListener("keydown", (event) => this.key(event));
    this.box.addEventListener("click", ({ target }) => {
      const button = target.closest("button");
      const row = target.closest("[data-key]");
      if (button?.dataset.status) this.choose(button.closest("li").dataset.key, button.dataset.status);
      else if (button?.classList.contains("edit")) this.edit(row.dataset.key);
    });
    this.filter.addEventListener("input", () => this.find());
    document.getElementById("add-component").addEventListener("click", () => addComponent(desk));
    document.getElementById("add-group").addEventListener("click", () => addGroup(desk));
  }

  draw(snapshot) {
    this.drawn = snapshot;
    if (this.arrangement.isBusy) return; // what is being moved must not jump; the newest is drawn afterwards
    morphChildren(this.box, this.sections(snapshot));
    this.filter.closest("label").hidden = snapshot.components.length < FILTER_FROM;
    document.getElementById("no-components").hidden = snapshot.components.length > 0;
    this.find();
  }

  edit(key) {
    if (key.startsWith("g-")) editGroup(this.desk, this.desk.snapshot.groups.find(({ id }) => id === key.slice(2)));
    else editComponent(this.desk, this.desk.component(key));
  }

  /** The elements of now, with what has not changed left as it is: a page may have hundreds of rows. */
  sections(snapshot) {
    const isArranging = this.arrangement.isOn;
    const handle = (name) => isArranging && h("span", { class: "handle", "aria-hidden": "true", title: `Drag ${name}` }, "⠿");
    const edit = (name) => h("button", { type: "button", class: "quiet edit", title: `Edit ${name}` }, h("span", { "aria-hidden": "true" }, "⋯"), h("span", { class: "vh" }, `Edit ${name}`));
    const present = new Map();
    const sections = this.desk.groups(isArranging).map(([group, members]) => {
      const rows = members.map((c) => {
        const reason = this.reason(c, snapshot);
        const looks = JSON.stringify([c.name, c.status, c.base_status, reason, isArranging]);
        let known = this.known.get(c.id);
        if (known?.looks !== looks) {
          const fresh = this.row(c, reason, handle(c.name), edit(c.name));
          if (known) morph(known.element, fresh);
          known = { looks, element: known?.element ?? fresh };
        }
        present.set(c.id, known);
        return known.element;
      });
      const heading = group.id || isArranging || group.name ? [h("h3", {}, group.id ? handle(group.name) : null, h("bdi", { class: "name" }, group.name || "In no group"), group.id ? edit(group.name) : null)] : [];
      const section = this.sets.get(group.id) ?? h("section", { "data-key": `g-${group.id}` }, h("div", {}), h("ul", { "data-group": group.id }));
      this.sets.set(group.id, section);
      section.className = isArranging ? "set arranging" : "set";
      morphChildren(section.firstElementChild, heading);
      morphChildren(section.lastElementChild, rows);
      return section;
    });
    this.known = present;
    return sections;
  }

  row(c, reason, handle, edit) {
    const choice = (value, index) =>
      h(
        "button",
        {
          type: "button", class: `pick s-${value}`, "data-status": value, "data-key": value, title: `${index + 1}: ${STATUS_WORDS[value]}`,
          "aria-pressed": String(c.base_status === value), tabindex: c.base_status === value ? "0" : "-1",
        },
        icon(`i-${value}`), h("span", { class: "vh" }, STATUS_WORDS[value]),
      );
    return h(
      "li", { class: `subject s-${c.status}`, "data-key": c.id },
      h("span", { class: "name", dir: "auto" }, handle, h("span", {}, c.name)),
      h("div", { class: "picks", role: "group", "aria-label": `Status of ${c.name}` }, STATUSES.map(choice)),
      edit,
      h("p", { class: "shown" }, status(c.status), reason && h("span", { class: "reason" }, reason)),
    );
  }

  /** Why visitors see another status than the operator has set. */
  reason(c, snapshot) {
    if (c.status === c.base_status) return null;
    const holder =
      snapshot.incidents.find((i) => i.components[c.id] === c.status) ??
      snapshot.maintenances.find((m) => m.status !== "scheduled" && m.components.includes(c.id));
    return holder ? `through “${holder.name}”` : "through another layer";
  }

  find() {
    const wanted = this.filter.value.trim().toLowerCase();
    for (const row of this.box.querySelectorAll("li[data-key]")) row.hidden = wanted !== "" && !row.querySelector(".name").textContent.toLowerCase().includes(wanted);
    for (const set of this.box.querySelectorAll(".set")) set.hidden = wanted !== "" && !set.querySelector("li:not([hidden])");
  }

  key(event) {
    const row = event.target.closest("li[data-key]");
    if (event.altKey && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      this.arrangement.step(row ?? event.target.closest(".set"), event.key === "ArrowDown" ? 1 : -1);
      return;
    }
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const digit = Number(event.key);
    if (digit >= 1 && digit <= STATUSES.length) {
      event.preventDefault();
      this.choose(row.dataset.key, STATUSES[digit - 1]);
    } else if (event.key === "e") {
      event.preventDefault();
      event.stopPropagation();
      this.edit(row.dataset.key);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const rows = [...this.box.querySelectorAll("li[data-key]:not([hidden])")];
      focusRow(rows[rows.indexOf(row) + (event.key === "ArrowDown" ? 1 : -1)]);
    } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      event.preventDefault();
      const picks = [...row.querySelectorAll("button")];
      const step = (event.key === "ArrowRight") === (getComputedStyle(row).direction === "ltr") ? 1 : -1;
      picks[picks.indexOf(document.activeElement) + step]?.focus();
    }
  }

  focusFirst() {
    focusRow(this.box.querySelector("li[data-key]:not([hidden])"));
  }

  /** Set the base status; a clash with another operator shows both words and lets this one decide. */
  async choose(id, wanted) {
    const c = this.desk.component(id);
    if (!c || c.base_status === wanted) return;
    const before = c.base_status;
    const set = (value, version) => api("PATCH", `/pages/${this.desk.slug}/components/${id}`, { status: value, ...(version ? { version } : {}) });
    try {
      const stored = await set(wanted, c.version);
      toast(`${c.name}: ${STATUS_WORDS[wanted]}`, async () => {
        await set(before, stored.version).then(
          () => toast(`${c.name} is back at ${STATUS_WORDS[before]}`),
          (error) => toast(error.status === 409 ? `${c.name} was changed since; nothing was undone.` : error.message),
        );
      });
    } catch (error) {
      if (error.status !== 409 || !error.data) return toast(error.message);
      const theirs = error.data.base_status;
      if (theirs === wanted) return;
      // Something else than the status has changed meanwhile, such as the name: that is no clash.
      const isClash = theirs !== before;
      const body = [h("p", {}, "Somebody else set it a moment ago."), h("p", { class: "pair" }, "Theirs: ", status(theirs)), h("p", { class: "pair" }, "Yours: ", status(wanted))];
      const answer = isClash ? await ask(`${c.name} has changed`, body, [["theirs", "Leave theirs"], ["mine", "Set mine"]]) : "mine";
      if (answer === "mine") await set(wanted, error.data.version).catch((again) => toast(again.message));
    }
  }
}

function focusRow(row) {
  row?.querySelector('button[tabindex="0"]')?.focus();
}
