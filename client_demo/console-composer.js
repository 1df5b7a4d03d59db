/** Right side: open an incident, schedule a maintenance. Also the picker of components with their statuses. */

import { templates } from "./console-extras.js";
import { instant, localInput } from "./console-times.js";
import { Draft, check, field, select, submit, toast } from "./forms.js";
import { h } from "./morph.js";
import { api } from "./session.js";
import { STATUS_WORDS, UPDATE_WORDS } from "./words.js";

const STATES = Object.fromEntries(["investigating", "identified", "monitoring", "resolved"].map((key) => [key, UPDATE_WORDS[key]]));
const RECURRENCES = { "": "once", "FREQ=DAILY": "every day", "FREQ=WEEKLY": "every week", "FREQ=WEEKLY;INTERVAL=2": "every two weeks", "FREQ=MONTHLY": "every month" };
const IMPACTS = { "": "Automatic", none: "None", minor: "Minor", major: "Major", critical: "Critical" };
const HOUR_MS = 3_600_000;

/** A fold with one select per component; "as it is" says nothing. `current(id)` is the incident's word so far. */
export class WordsPicker {
  constructor(desk, title, current = () => undefined) {
    this.desk = desk;
    this.current = current;
    this.list = h("ul", { class: "words" });
    this.count = h("span", { class: "muted" });
    this.element = h(
      "details", { class: "picker field", "data-field": "components" },
      h("summary", {}, title, " ", this.count), this.list, h("p", { class: "error", hidden: true }),
    );
    this.element.addEventListener("toggle", () => this.fill());
    this.element.addEventListener("input", () => this.tell());
  }

  /** Rows for the components of now; choices already made stay. */
  fill() {
    const made = this.words();
    const rows = this.desk.groups().flatMap(([, members]) => members).map((c) => {
      const word = this.current(c.id);
      const control = select({ "": word ? `as it is (${STATUS_WORDS[word]})` : "not affected", ...STATUS_WORDS }, made[c.id] ?? "");
      control.name = `components.${c.id}`;
      return h("li", {}, h("label", {}, h("span", { dir: "auto" }, c.name), control));
    });
    this.list.replaceChildren(...rows);
    this.tell();
  }

  /** Take `words` for what is affected, as a template has them. */
  choose(words) {
    this.fill();
    for (const control of this.list.querySelectorAll("select")) control.value = words[control.name.slice("components.".length)] ?? "";
    this.tell();
  }

  words() {
    const chosen = [...this.list.querySelectorAll("select")].filter((control) => control.value);
    return Object.fromEntries(chosen.map((control) => [control.name.slice("components.".length), control.value]));
  }

  tell() {
    const count = Object.keys(this.words()).length;
    this.count.textContent = count ? `(${count})` : "";
  }

  clear() {
    for (const control of this.list.querySelectorAll("select")) control.value = "";
    this.element.open = false;
    this.tell();
  }
}

export class Composer {
  constructor(desk) {
    this.desk = desk;
    this.box = document.getElementById("composer");
    this.incident = this.incidentForm();
    this.maintenance = this.maintenanceForm();
    const tab = (name, text) => h("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`, onclick: () => this.show(name) }, text);
    this.tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "What to tell" }, tab("incident", "Incident"), tab("maintenance", "Maintenance"));
    this.tabs.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      this.show(this.panels.maintenance.hidden ? "maintenance" : "incident");
      this.tabs.querySelector('[aria-selected="true"]').focus();
    });
    const panel = (name) => h("div", { role: "tabpanel", id: `panel-${name}`, "aria-labelledby": `tab-${name}` }, this[name]);
    this.panels = { incident: panel("incident"), maintenance: panel("maintenance") };
    this.box.replaceChildren(this.tabs, this.panels.incident, this.panels.maintenance);
    this.show("incident");
  }

  show(name) {
    for (const [key, panel] of Object.entries(this.panels)) {
      panel.hidden = key !== name;
      const tab = this.tabs.querySelector(`#tab-${key}`);
      tab.setAttribute("aria-selected", String(key === name));
      tab.tabIndex = key === name ? 0 : -1;
    }
  }

  focus(name) {
    this.show(name);
    this[name].querySelector("input").focus();
  }

  form(name, ...parts) {
    return h(
      "form", { class: "stack", id: `form-${name}`, novalidate: true },
      h("p", { class: "alert", role: "alert", hidden: true }), ...parts,
    );
  }

  incidentForm() {
    const name = h("input", { maxlength: "255", placeholder: "What visitors notice" });
    const body = h("textarea", { rows: "4", placeholder: "What do you know? Markdown works." });
    const state = select(STATES, "investigating");
    const impact = select(IMPACTS, "");
    const picker = new WordsPicker(this.desk, "What is affected");
    picker.element.open = true;
    picker.fill();
    const began = h("input", { type: "datetime-local" });
    const notify = check("notify", "Tell those who follow the page", true);
    const earlier = h(
      "details", { class: "fold" }, h("summary", {}, "It began earlier, or is over already"),
      field("started_at", "Began at", began, `Times of ${this.desk.zone.name}. What is over already counts in the uptime of its day.`), notify,
    );
    const kept = templates(
      this.desk, "incident",
      (one) => {
        name.value = one.title;
        body.value = one.body;
        if (one.status in STATES) state.value = one.status;
        picker.choose(one.components);
      },
      () => ({ title: name.value.trim(), body: body.value.trim(), status: state.value, components: picker.words() }),
    );
    const form = this.form(
      "incident",
      kept,
      field("name", "Name", name),
      picker.element,
      field("body", "First words", body),
      h("div", { class: "pair" }, field("status", "State", state), field("impact", "Impact", impact)),
      earlier,
      h("p", { class: "actions" }, h("button", { class: "main", type: "submit" }, "Open incident")),
    );
    this.incidentPicker = picker;
    const draft = new Draft(form, `${this.desk.slug}:new-incident`);
    draft.restore();
    picker.tell();
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const opened = await submit(form, () =>
        api("POST", `/pages/${this.desk.slug}/incidents`, {
          name: name.value.trim(), status: state.value, body: body.value.trim(), components: picker.words(), ...(impact.value ? { impact: impact.value } : {}),
          ...(began.value ? { started_at: instant(this.desk.zone, began.value) } : {}), ...(earlier.open ? { notify: notify.querySelector("input").checked } : {}),
        }),
      );
      if (!opened) return;
      toast(`Opened: ${name.value.trim()}`);
      form.reset();
      picker.clear();
      picker.element.open = true;
      draft.clear();
    });
    return form;
  }

  maintenanceForm() {
    const { zone } = this.desk;
    const name = h("input", { maxlength: "255", placeholder: "What is being worked on" });
    const start = h("input", { type: "datetime-local" });
    const end = h("input", { type: "datetime-local" });
    const body = h("textarea", { rows: "3", placeholder: "What will visitors notice meanwhile?" });
    const list = h("ul", { class: "words" });
    const fill = () => {
      const made = new Set([...list.querySelectorAll("input:checked")].map((box) => box.name));
      list.replaceChildren(...this.desk.groups().flatMap(([, members]) => members).map((c) => h("li", {}, check(`affects.${c.id}`, c.name, made.has(`affects.${c.id}`)))));
    };
    fill();
    const picker = h("details", { class: "picker field", "data-field": "components" }, h("summary", {}, "What is affected"), list, h("p", { class: "error", hidden: true }));
    picker.addEventListener("toggle", fill);
    const now = Math.ceil(Date.now() / HOUR_MS) * HOUR_MS;
    start.value = localInput(zone, now + HOUR_MS);
    end.value = localInput(zone, now + 2 * HOUR_MS);
    const zoneHint = `Times of ${zone.name} (${zone.offsetName(Date.now())})`;
    const rule = select(RECURRENCES, "");
    const auto = h("div", { class: "field" }, check("auto_start", "Begin by itself", true), check("auto_complete", "End by itself", true));
    const form = this.form(
      "maintenance",
      field("name", "Name", name),
      h("div", { class: "pair" }, field("scheduled_for", "From", start), field("scheduled_until", "Until", end)),
      h("p", { class: "muted small" }, zoneHint),
      field("rrule", "Comes again", rule),
      picker,
      field("body", "Words", body),
      auto,
      h("p", { class: "actions" }, h("button", { class: "main", type: "submit" }, "Schedule")),
    );
    const draft = new Draft(form, `${this.desk.slug}:new-maintenance`);
    draft.restore();
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const chosen = [...list.querySelectorAll("input:checked")].map((box) => box.name.slice("affects.".length));
      const sent = await submit(form, () =>
        api("POST", `/pages/${this.desk.slug}/maintenances`, {
          name: name.value.trim(), body: body.value.trim(), scheduled_for: instant(zone, start.value), scheduled_until: instant(zone, end.value),
          ...(rule.value ? { rrule: rule.value } : {}), components: chosen, auto_start: form.elements.auto_start.checked, auto_complete: form.elements.auto_complete.checked,
        }),
      );
      if (!sent) return;
      toast(`Scheduled: ${name.value.trim()}`);
      form.reset();
      draft.clear();
    });
    return form;
  }

  /** Components came, went or were renamed. */
  draw() {
    const known = JSON.stringify(this.desk.snapshot.components.map((c) => [c.id, c.name]));
    if (known === this.known) return;
    if (this.known !== undefined) this.incidentPicker.fill();
    this.known = known;
  }
}
