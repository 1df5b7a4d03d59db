/** Right side: open an incident. The maintenance beside it is in console-schedule.js. */

import { Draft, alertLine, check, field, isFilled, select, submit, toast } from "./forms.js";
import { IMPACTS } from "./console-edit.js";
import { WordsPicker, audienceField } from "./console-pickers.js";
import { Preview } from "./console-preview.js";
import { scheduleForm } from "./console-schedule.js";
import { mayTell } from "./console-tell.js";
import { instant } from "./console-times.js";
import { h } from "./morph.js";
import { api } from "./session.js";
import { UPDATE_WORDS } from "./words.js";

const STATES = Object.fromEntries(["investigating", "identified", "monitoring", "resolved"].map((key) => [key, UPDATE_WORDS[key]]));

export class Composer {
  constructor(desk) {
    this.desk = desk;
    this.pickers = [];
    const tab = (name, text) => h("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`, onclick: () => this.show(name) }, text);
    this.tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "What to tell" }, tab("incident", "Incident"), tab("maintenance", "Maintenance"));
    this.tabs.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      this.show(this.panels.maintenance.hidden ? "maintenance" : "incident");
      this.tabs.querySelector('[aria-selected="true"]').focus();
    });
    const panel = (name, form) => h("div", { role: "tabpanel", id: `panel-${name}`, "aria-labelledby": `tab-${name}` }, form);
    this.forms = { incident: this.incidentForm(), maintenance: scheduleForm(desk, this.pickers) };
    this.panels = { incident: panel("incident", this.forms.incident), maintenance: panel("maintenance", this.forms.maintenance) };
    document.getElementById("composer").replaceChildren(this.tabs, this.panels.incident, this.panels.maintenance);
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
    this.forms[name].querySelector('input[name="name"]').focus();
  }

  incidentForm() {
    const { desk } = this;
    const name = h("input", { maxlength: "255", placeholder: "What visitors notice", dir: "auto", required: true });
    const body = h("textarea", { rows: "4", placeholder: "What do you know? Markdown works.", dir: "auto", required: true });
    const state = select(STATES, "investigating");
    const impact = select(IMPACTS, "");
    const picker = new WordsPicker(desk, "What is affected");
    picker.element.open = true;
    picker.fill();
    this.pickers.push(picker);
    const audience = audienceField(desk, picker);
    const began = h("input", { type: "datetime-local" });
    const ended = h("input", { type: "datetime-local" });
    const zoneHint = `On the clocks of ${desk.zone.name} (${desk.zone.offsetName(Date.now())}).`;
    const endField = field("resolved_at", "Ended at", ended, `${zoneHint} Empty: now.`);
    const earlier = h(
      "details", { class: "fold" }, h("summary", {}, "It began earlier, or is over already"),
      h("div", { class: "stack" }, field("started_at", "Began at", began, `${zoneHint} The uptime of those days is worked out again.`), endField),
    );
    const notify = check("notify", "Tell those who follow the page", true);
    const notifyBox = notify.querySelector("input");
    const read = () => ({ title: name.value.trim(), body: body.value.trim(), status: state.value, components: picker.read() });
    const put = (held) => {
      name.value = held.title;
      body.value = held.body;
      if (held.status in STATES) state.value = held.status;
      picker.choose(held.components);
      form.dispatchEvent(new Event("input"));
    };
    const templates = desk.templates.chooser("incident", { use: put, read, restore: put });
    const sent = () => ({
      name: name.value.trim(), status: state.value, body: body.value.trim(), components: picker.read(), audience: audience.read(),
      ...(impact.value ? { impact: impact.value } : {}), ...(began.value ? { started_at: instant(desk.zone, began.value) } : {}),
    });
    const isDraft = () => name.value.trim() !== "" || body.value.trim() !== "" || Object.keys(picker.read()).length > 0;
    const preview = new Preview(desk, () => (isDraft() ? { kind: "incident", ...sent() } : null), () => notifyBox.checked);
    const form = h(
      "form", { class: "stack", id: "form-incident", novalidate: true }, alertLine(), templates.element,
      field("name", "Name", name), picker.element, audience.element, field("body", "First words", body),
      h("div", { class: "pair" }, field("status", "State", state), field("impact", "Impact", impact)),
      earlier, notify, preview.element,
      h("p", { class: "actions" }, h("button", { class: "main", type: "submit" }, "Open incident")),
    );
    let isChosen = false; // whether to tell people was decided by hand
    notifyBox.addEventListener("input", () => { isChosen = true; });
    const settle = () => {
      endField.hidden = state.value !== "resolved";
      if (!isChosen) notifyBox.checked = !(state.value === "resolved" && began.value);
      audience.draw();
    };
    const draft = new Draft(form, `${desk.slug}:new-incident`);
    if (draft.restore()) {
      picker.tell();
      isChosen = true;
      if (began.value || ended.value) earlier.open = true;
    }
    settle();
    form.addEventListener("input", settle);
    preview.follow(form);
    preview.later();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (isFilled(form)) submit(form, open);
    });
    const open = async () => {
      const body = { ...sent(), notify: notifyBox.checked };
      if (state.value === "resolved" && ended.value) body.resolved_at = instant(desk.zone, ended.value);
      if (!(await mayTell(desk, body.notify, `Tell visitors of “${body.name}”?`, { kind: "incident", ...sent() }, "Open incident"))) return;
      await api("POST", `/pages/${desk.slug}/incidents`, body);
      toast(`Opened: ${body.name}`);
      form.reset();
      picker.clear();
      picker.element.open = true;
      earlier.open = isChosen = false;
      templates.clear();
      draft.clear();
      settle();
      preview.later();
    };
    return form;
  }

  /** Components came, went, moved or were renamed. */
  draw() {
    const known = JSON.stringify(this.desk.groups().flatMap(([, members]) => members).map((c) => [c.id, c.name]));
    if (known === this.known) return;
    if (this.known !== undefined) for (const picker of this.pickers) picker.fill();
    this.known = known;
  }
}
