/** Changing what an incident or a maintenance is, and taking it away: nobody is told of either. */

import { ask, check, field, select, toast } from "./forms.js";
import { ComponentsPicker, audienceSelect, audienceWords } from "./console-pickers.js";
import { Recurrence } from "./console-recurrence.js";
import { reminderOf, reminderSelect } from "./console-schedule.js";
import { saveOver, sheet, toastSaved } from "./console-sheet.js";
import { instant, localInput } from "./console-times.js";
import { h } from "./morph.js";
import { api } from "./session.js";

export const IMPACTS = { "": "Automatic", none: "None", maintenance: "Maintenance", minor: "Minor", major: "Major", critical: "Critical" };
const INCIDENT_NAMES = { name: "Name", impact: "Impact", started_at: "Began at", resolved_at: "Ended at", audience: "Who sees it" };
const WINDOW_NAMES = {
  name: "Name", body: "Announcement", components: "Components", rrule: "Comes again", auto_start: "Begin by itself", auto_complete: "End by itself",
  remind_before_min: "Remind", audience: "Who sees it", started_at: "Began at", completed_at: "Ended at",
};

/** A control for an instant, which gives back the very instant while nobody has touched it. */
function instantControl(zone, stored) {
  const control = h("input", { type: "datetime-local", value: localInput(zone, Date.parse(stored)), required: true });
  const was = control.value;
  return { control, read: () => (control.value === was ? stored : instant(zone, control.value)) };
}

export async function editIncident(desk, i) {
  const path = `/pages/${desk.slug}/incidents/${i.id}`;
  const read = (stored) => ({ ...stored, impact: stored.impact_override });
  const name = h("input", { maxlength: "255", value: i.name, dir: "auto" });
  const impact = select(IMPACTS, i.impact_override ?? "");
  const began = instantControl(desk.zone, i.started_at);
  const ended = i.resolved_at && instantControl(desk.zone, i.resolved_at);
  const audience = Object.keys(i.components).length ? null : audienceSelect(desk, i.audience);
  const hint = `On the clocks of ${desk.zone.name}. The uptime of those days is worked out again.`;
  let wanted;
  let stored = null;
  const isSaved = await sheet({
    title: "Edit the incident", answer: "Save", draft: `${desk.slug}:edit:${i.id}`,
    parts: [
      field("name", "Name", name), field("impact", "Impact", impact, "Automatic: by the worst that it has said of a component."),
      field("started_at", "Began at", began.control, hint), ended && field("resolved_at", "Ended at", ended.control),
      audience && field("audience", "Who sees it", audience, "Counts while no component is named."),
    ].filter(Boolean),
    work: async () => {
      wanted = { name: name.value.trim(), impact: impact.value || null, started_at: began.read() };
      if (ended) wanted.resolved_at = ended.read();
      if (audience) wanted.audience = audience.value || null;
      const shown = (key, value) => (key.endsWith("_at") ? desk.stamp(value) : key === "audience" ? audienceWords(desk, value ?? desk.snapshot.page.audience) : String(value ?? "automatic"));
      stored = await saveOver({ path, base: read(i), wanted, names: INCIDENT_NAMES, shown, read });
      return stored !== false;
    },
  });
  if (isSaved) toastSaved("Saved", { path, base: read(i), stored: stored && read(stored), wanted });
}

export async function removeIncident(desk, i) {
  const answer = await ask(
    `Delete “${i.name}”?`,
    [h("p", {}, "It goes from the page, the history and the figures, as if it had never been told, and cannot be had back."), h("p", {}, "What is over is better resolved: then people can read how it went.")],
    [["stop", "Keep it"], ["delete", "Delete it"]],
  );
  if (answer !== "delete") return;
  await remove(`/pages/${desk.slug}/incidents/${i.id}`, i);
}

export async function editMaintenance(desk, m) {
  const path = `/pages/${desk.slug}/maintenances/${m.id}`;
  const read = (stored) => ({ ...stored, components: [...stored.components].sort() });
  const isPlanned = m.status === "scheduled";
  const isOver = m.status === "completed";
  const [began, ended] = isOver && m.started_at ? [instantControl(desk.zone, m.started_at), instantControl(desk.zone, m.completed_at)] : [];
  const name = h("input", { maxlength: "255", value: m.name, dir: "auto" });
  const body = h("textarea", { rows: "4", dir: "auto" }, m.body);
  const picker = new ComponentsPicker(desk, "What is affected");
  picker.choose(Object.fromEntries(m.components.map((id) => [id, true])));
  const start = h("input", { type: "hidden", value: localInput(desk.zone, Date.parse(m.scheduled_for)) });
  const recurrence = new Recurrence(start, m.rrule);
  const remind = reminderSelect(m.remind_before_min);
  const [begins, ends] = [check("auto_start", "Begin by itself", m.auto_start), check("auto_complete", "End by itself", m.auto_complete)];
  const isChecked = (label) => label.querySelector("input").checked;
  const audience = m.components.length ? null : audienceSelect(desk, m.audience);
  let wanted;
  let stored = null;
  const isSaved = await sheet({
    title: "Edit the maintenance", answer: "Save", draft: `${desk.slug}:edit:${m.id}`,
    parts: [
      field("name", WINDOW_NAMES.name, name), field("body", WINDOW_NAMES.body, body), picker.element, isPlanned && recurrence.element,
      began && h("div", { class: "pair wide" }, field("started_at", WINDOW_NAMES.started_at, began.control), field("completed_at", WINDOW_NAMES.completed_at, ended.control)),
      began && h("p", { class: "hint" }, `On the clocks of ${desk.zone.name}. The uptime of those days is worked out again.`),
      !isOver && h("div", { class: "field" }, isPlanned && begins, ends), isPlanned && field("remind_before_min", WINDOW_NAMES.remind_before_min, remind),
      audience && field("audience", WINDOW_NAMES.audience, audience, "Counts while no component is named."),
    ].filter(Boolean),
    work: async () => {
      const gone = m.components.filter((id) => !desk.component(id)); // deleted meanwhile, and still named
      wanted = { name: name.value.trim(), body: body.value.trim(), components: [...picker.ids(), ...gone].sort() };
      if (!isOver) wanted.auto_complete = isChecked(ends);
      if (began) Object.assign(wanted, { started_at: began.read(), completed_at: ended.read() });
      if (isPlanned) Object.assign(wanted, { auto_start: isChecked(begins), rrule: recurrence.read(), remind_before_min: reminderOf(remind) });
      if (audience) wanted.audience = audience.value || null;
      const shown = (key, value) => {
        if (key === "components") return value.map((id) => desk.component(id)?.name ?? id).join(", ") || "none";
        if (key.endsWith("_at")) return desk.stamp(value);
        return String(value ?? "none");
      };
      stored = await saveOver({ path, base: read(m), wanted, names: WINDOW_NAMES, shown, read });
      return stored !== false;
    },
  });
  if (isSaved) toastSaved("Saved", { path, base: read(m), stored: stored && read(stored), wanted });
}

export async function removeMaintenance(desk, m) {
  const answer = await ask(
    `Delete “${m.name}”?`,
    [h("p", {}, "It goes from the page, the history and the figures, as if it had never been announced, with all windows that were to follow. It cannot be had back."), h("p", {}, "“Call off” tells visitors that it does not take place.")],
    [["stop", "Keep it"], ["delete", "Delete it"]],
  );
  if (answer !== "delete") return;
  await remove(`/pages/${desk.slug}/maintenances/${m.id}`, m);
}

/** Deletes what was looked at, and nothing that another has changed since. */
async function remove(path, item) {
  await api("DELETE", path, undefined, { "If-Match": `"${item.version}"` }).then(
    () => toast(`Deleted: ${item.name}`),
    (error) => toast(error.status === 409 ? `“${item.name}” was changed meanwhile; look at it again before you delete it.` : error.message),
  );
}
