/** Left side: every component with its five statuses. Keys 1–5 set the focused one; ten seconds to take it back. */

import { ask, toast } from "./forms.js";
import { h } from "./morph.js";
import { api } from "./session.js";
import { icon, status } from "./view.js";
import { STATUSES, STATUS_WORDS } from "./words.js";

export class ComponentsPane {
  constructor(desk) {
    this.desk = desk;
    this.box = document.getElementById("components");
    this.box.addEventListener("keydown", (event) => this.key(event));
    this.box.addEventListener("click", ({ target }) => {
      const button = target.closest("button[data-status]");
      if (button) this.choose(button.closest("[data-key]").dataset.key, button.dataset.status);
    });
  }

  rows(snapshot) {
    return this.desk.groups().map(([group, members]) =>
      h(
        "section", { class: "set", "data-key": `g-${group.id}` },
        group.name && h("h3", { dir: "auto" }, group.name),
        h("ul", {}, members.map((c) => this.row(c, snapshot))),
      ),
    );
  }

  row(c, snapshot) {
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
      h("span", { class: "name", dir: "auto" }, c.name),
      h("div", { class: "picks", role: "group", "aria-label": `Status of ${c.name}` }, STATUSES.map(choice)),
      h("p", { class: "shown" }, status(c.status), this.reason(c, snapshot)),
    );
  }

  /** Why visitors see another status than the operator has set. */
  reason(c, snapshot) {
    if (c.status === c.base_status) return null;
    const holder =
      snapshot.incidents.find((i) => i.components[c.id] === c.status) ??
      snapshot.maintenances.find((m) => m.status !== "scheduled" && m.components.includes(c.id));
    return h("span", { class: "reason" }, holder ? `through “${holder.name}”` : "through another layer");
  }

  key(event) {
    const row = event.target.closest("li[data-key]");
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const digit = Number(event.key);
    if (digit >= 1 && digit <= STATUSES.length) {
      event.preventDefault();
      this.choose(row.dataset.key, STATUSES[digit - 1]);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const rows = [...this.box.querySelectorAll("li[data-key]")];
      focusRow(rows[rows.indexOf(row) + (event.key === "ArrowDown" ? 1 : -1)]);
    } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      event.preventDefault();
      const picks = [...row.querySelectorAll("button")];
      const step = (event.key === "ArrowRight") === (getComputedStyle(row).direction === "ltr") ? 1 : -1;
      picks[picks.indexOf(document.activeElement) + step]?.focus();
    }
  }

  focusFirst() {
    focusRow(this.box.querySelector("li[data-key]"));
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
      const body = [h("p", {}, "Somebody else set it a moment ago."), h("p", { class: "pair" }, "Theirs: ", status(theirs)), h("p", { class: "pair" }, "Yours: ", status(wanted))];
      const answer = await ask(`${c.name} has changed`, body, [["theirs", "Leave theirs"], ["mine", "Set mine"]]);
      if (answer === "mine") await set(wanted, error.data.version).catch((again) => toast(again.message));
    }
  }
}

function focusRow(row) {
  row?.querySelector('button[tabindex="0"]')?.focus();
}
