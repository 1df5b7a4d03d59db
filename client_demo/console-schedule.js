/** Scheduling a maintenance: its window on the page's clocks, once or again and again. */

import { Draft, alertLine, check, field, isFilled, select, submit, toast } from "./forms.js";
import { ComponentsPicker, audienceField } from "./console-pickers.js";
import { Preview } from "./console-preview.js";
import { Recurrence } from "./console-recurrence.js";
import { mayTell } from "./console-tell.js";
import { instant, localInput } from "./console-times.js";
import { h } from "./morph.js";
import { api } from "./session.js";

const HOUR_MS = 3_600_000;
const REMINDERS = { "": "No reminder", 15: "15 minutes before", 60: "1 hour before", 1440: "1 day before", 2880: "2 days before", 10080: "1 week before" };
const USUAL_REMINDER = "60";

/** A select of when to remind; a number of minutes that is none of the usual ones stays. */
export function reminderSelect(minutes = USUAL_REMINDER) {
  const value = minutes === null ? "" : String(minutes);
  return select({ ...REMINDERS, ...(value in REMINDERS ? {} : { [value]: `${value} minutes before` }) }, value);
}

export const reminderOf = (control) => (control.value ? Number(control.value) : null);

export function scheduleForm(desk, pickers) {
  const { zone } = desk;
  const name = h("input", { maxlength: "255", placeholder: "What is being worked on", dir: "auto", required: true });
  const start = h("input", { type: "datetime-local", required: true });
  const end = h("input", { type: "datetime-local", required: true });
  const body = h("textarea", { rows: "3", placeholder: "What will visitors notice meanwhile?", dir: "auto", required: true });
  const picker = new ComponentsPicker(desk, "What is affected");
  picker.fill();
  pickers.push(picker);
  const audience = audienceField(desk, picker);
  const usualWindow = () => {
    const next = Math.ceil(Date.now() / HOUR_MS) * HOUR_MS;
    start.value = localInput(zone, next + HOUR_MS);
    end.value = localInput(zone, next + 2 * HOUR_MS);
  };
  usualWindow();
  const recurrence = new Recurrence(start);
  const remind = reminderSelect();
  const notify = check("notify", "Tell those who follow the page", true);
  const read = () => ({ title: name.value.trim(), body: body.value.trim(), status: "scheduled", components: picker.read() });
  const put = (held) => {
    name.value = held.title;
    body.value = held.body;
    picker.choose(held.components);
    form.dispatchEvent(new Event("input"));
  };
  const templates = desk.templates.chooser("maintenance", { use: put, read, restore: put });
  const times = () => ({ scheduled_for: instant(zone, start.value), scheduled_until: instant(zone, end.value), rrule: recurrence.read() });
  const isDraft = () => Boolean((name.value.trim() || body.value.trim() || recurrence.freq.value) && start.value && end.value);
  const shown = () => ({ kind: "maintenance", name: name.value.trim(), body: body.value.trim(), components: picker.read(), audience: audience.read(), ...times() });
  const preview = new Preview(desk, () => (isDraft() ? shown() : null), () => notify.querySelector("input").checked);
  const form = h(
    "form", { class: "stack", id: "form-maintenance", novalidate: true }, alertLine(), templates.element,
    field("name", "Name", name),
    h("div", { class: "pair wide" }, field("scheduled_for", "From", start), field("scheduled_until", "Until", end)),
    h("p", { class: "muted small" }, `On the clocks of ${zone.name} (${zone.offsetName(Date.now())} now).`),
    recurrence.element, picker.element, audience.element, field("body", "Words", body),
    h("div", { class: "field" }, check("auto_start", "Begin by itself", true), check("auto_complete", "End by itself", true)),
    field("remind_before_min", "Remind", remind), notify, preview.element,
    h("p", { class: "actions" }, h("button", { class: "main", type: "submit" }, "Schedule")),
  );
  const settle = () => {
    audience.draw();
    recurrence.draw();
  };
  const draft = new Draft(form, `${desk.slug}:new-maintenance`);
  if (draft.restore()) picker.tell();
  settle();
  form.addEventListener("input", settle);
  // The window keeps its length when its beginning moves.
  let length = Date.parse(end.value) - Date.parse(start.value);
  end.addEventListener("input", () => { length = Date.parse(end.value) - Date.parse(start.value); });
  start.addEventListener("input", () => {
    if (start.value && length > 0) end.value = new Date(Date.parse(`${start.value}Z`) + length).toISOString().slice(0, 16);
  });
  preview.follow(form);
  preview.later();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (isFilled(form)) submit(form, schedule);
  });
  const schedule = async () => {
    const wanted = {
      name: name.value.trim(), body: body.value.trim(), ...times(), components: picker.ids(), audience: audience.read(),
      auto_start: form.elements.auto_start.checked, auto_complete: form.elements.auto_complete.checked,
      remind_before_min: reminderOf(remind), notify: notify.querySelector("input").checked,
    };
    if (!(await mayTell(desk, wanted.notify, `Tell visitors of “${wanted.name}”?`, shown(), "Schedule"))) return;
    await api("POST", `/pages/${desk.slug}/maintenances`, wanted);
    toast(`Scheduled: ${wanted.name}`);
    form.reset();
    usualWindow();
    picker.clear();
    templates.clear();
    draft.clear();
    settle();
    preview.later();
  };
  return form;
}
