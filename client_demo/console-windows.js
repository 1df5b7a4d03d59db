/** Maintenances that are planned or under way: words, begin, finish, move, call off. */

import { Draft, alertLine, check, field, isFilled, select, submit, toast } from "./forms.js";
import { editMaintenance, removeMaintenance } from "./console-edit.js";
import { Notes } from "./console-notes.js";
import { Cards } from "./console-open.js";
import { Preview } from "./console-preview.js";
import { ruleWords } from "./console-recurrence.js";
import { saveOver, sheet, toastSaved } from "./console-sheet.js";
import { lookAt, mayTell } from "./console-tell.js";
import { instant, localInput } from "./console-times.js";
import { Updates, lastWords, post, tellOver } from "./console-updates.js";
import { h, morph } from "./morph.js";
import { api } from "./session.js";
import { icon } from "./view.js";
import { UPDATE_WORDS, ago, lasting } from "./words.js";

const STATES = ["scheduled", "in_progress", "verifying"];
const BEGIN = {
  title: "Begin now", answer: "Begin", usual: "The maintenance has begun.", status: "in_progress", done: "Begun",
  call: (words) => ["updates", { ...words, status: "in_progress" }],
};
const FINISH = { title: "Finish now", answer: "Finish", usual: "The maintenance is complete.", status: "completed", done: "Finished", call: (words) => ["finish", words] };
const isActive = (m) => m.status === "in_progress" || m.status === "verifying";

export class WindowsPane {
  constructor(desk) {
    this.cards = new Cards(document.getElementById("maintenances"), (m) => new MaintenanceCard(desk, m));
  }

  draw(snapshot) {
    this.cards.draw(snapshot.maintenances);
    document.getElementById("no-maintenance").hidden = snapshot.maintenances.length > 0;
  }
}

/** Where its clock stands: `begins in 2 h`, `ends in 20 min`, `over its time by 12 min`. */
function clockWords(m, now) {
  const [start, end] = [Date.parse(m.scheduled_for), Date.parse(m.scheduled_until)];
  if (isActive(m)) return now > end ? { text: `over its time by ${lasting(now - end)}`, isLate: true } : { text: `ends ${ago(end, now)}`, isLate: false };
  return now > start ? { text: `should have begun ${ago(start, now)}`, isLate: true } : { text: `begins ${ago(start, now)}`, isLate: false };
}

function head(desk, m) {
  const names = m.components.map((id) => desk.component(id)?.name).filter(Boolean);
  const clock = clockWords(m, Date.now());
  const ways = [m.auto_start ? "begins by itself" : "waits for you to begin it", m.auto_complete ? "ends by itself" : "waits for you to finish it"];
  const again = m.rrule && ruleWords(m.rrule, localInput(desk.zone, Date.parse(m.scheduled_for)));
  return h(
    "header", {},
    h("h3", { dir: "auto" }, m.name),
    h(
      "p", { class: "facts" },
      h("span", { class: "impact s-under_maintenance" }, icon(`u-${m.status}`), h("span", {}, UPDATE_WORDS[m.status])),
      h("span", {}, desk.zone.window(Date.parse(m.scheduled_for), Date.parse(m.scheduled_until), Date.now())),
      h("span", { class: clock.isLate ? "late" : "" }, clock.text),
    ),
    h("p", { class: "muted small-print" }, [ways.join(", "), again && `comes again ${again}`].filter(Boolean).join(" · ")),
    names.length > 0 && h("p", { class: "muted", dir: "auto" }, names.join(", ")),
    lastWords(desk, m),
  );
}

class MaintenanceCard {
  constructor(desk, m) {
    Object.assign(this, { desk, id: m.id, path: `/pages/${desk.slug}/maintenances/${m.id}` });
    this.head = head(desk, m);
    this.updates = new Updates(desk, this.path, () => this.now, "maintenance");
    this.notes = new Notes(desk, this.path, () => this.now);
    const button = (text, name, work) => h("button", { type: "button", class: name, onclick: () => work(this.now) }, text);
    this.begin = button("Begin now", "begin", (now) => this.run(now, BEGIN));
    this.finish = button("Finish", "finish", (now) => this.run(now, FINISH));
    this.cancel = button("Call off", "quiet cancel", (now) => this.callOff(now));
    this.element = h(
      "article", { class: "card", "data-key": m.id }, this.head,
      h("p", { class: "actions" }, this.begin, this.finish, button("Move", "move", (now) => this.move(now)), this.cancel),
      h("div", { class: "folds" }, h("details", { class: "fold say" }, h("summary", {}, "Say more"), this.form()), this.updates.element, this.notes.element),
      h("p", { class: "actions" }, button("Edit name, components, reminder", "quiet", (now) => editMaintenance(desk, now)), button("Delete", "quiet", (now) => removeMaintenance(desk, now))),
    );
    this.draw(m);
  }

  get now() {
    return this.desk.snapshot.maintenances.find((m) => m.id === this.id);
  }

  draw(m) {
    morph(this.head, head(this.desk, m));
    this.begin.hidden = this.cancel.hidden = isActive(m);
    this.finish.hidden = !isActive(m);
    for (const option of this.state.options) option.disabled = STATES.indexOf(option.value) < STATES.indexOf(m.status) && !(m.status === "verifying" && option.value === "in_progress");
    if (this.state.selectedOptions[0]?.disabled) this.state.value = m.status;
    this.updates.draw();
    this.notes.draw();
  }

  form() {
    const body = h("textarea", { rows: "3", dir: "auto", required: true });
    this.state = select(Object.fromEntries(STATES.map((key) => [key, UPDATE_WORDS[key]])), "scheduled");
    const notify = check("notify", "Tell those who follow the page", true);
    const isNews = () => notify.querySelector("input").checked;
    const shown = () => ({ kind: "maintenance", about: this.id, status: this.state.value, body: body.value.trim() });
    const preview = new Preview(this.desk, () => (body.value.trim() ? shown() : null), isNews);
    const form = h(
      "form", { class: "stack", novalidate: true }, alertLine(), field("body", "Next words", body), field("status", "State", this.state), notify, preview.element,
      h("p", { class: "actions" }, h("button", { type: "submit" }, "Post update")),
    );
    const draft = new Draft(form, `${this.desk.slug}:${this.id}`);
    draft.restore();
    preview.follow(form);
    preview.later();
    let version = null;
    form.addEventListener("input", () => { version ??= this.now?.version; });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!isFilled(form)) return;
      submit(form, async () => {
        if (!(await mayTell(this.desk, isNews(), `Tell visitors of this about “${this.now.name}”?`, shown(), "Post update"))) return;
        version = await post(this.path, { status: this.state.value, body: body.value.trim(), notify: isNews() }, version);
        if (version) return;
        body.value = "";
        draft.clear();
        preview.load();
        toast(`Posted to ${this.now?.name ?? "the maintenance"}`);
      });
    });
    return form;
  }

  /** The work of a sheet that tells of a step with the words in `body`: `call(words)` is the address and what is sent there. */
  step(m, status, body, call) {
    let { version } = m;
    return async () => {
      const said = body.value.trim();
      const [address, sent] = call({ body: said });
      const seen = await tellOver((from) => api("POST", `${this.path}/${address}`, { ...sent, version: from }), { status, body: said }, version);
      version = seen ?? version;
      return seen === null;
    };
  }

  /** Begin or finish it, which visitors are told of: asked for, with the words they read. */
  async run(m, { title, answer, usual, status, done, call }) {
    const body = h("textarea", { rows: "3", dir: "auto" }, usual);
    const preview = await this.look(m, body, status);
    const isDone = preview && await sheet({
      title: `${title}: ${m.name}`, answer, draft: `${this.desk.slug}:${status}:${m.id}`, parts: [field("body", "What visitors read", body), preview.element], work: this.step(m, status, body, call),
    });
    if (isDone) toast(`${done}: ${m.name}`);
  }

  /** What visitors will see with the words in `body`, which follows them; null, with a line at the foot, where it cannot be. */
  async look(m, body, status) {
    const read = () => ({ kind: "maintenance", about: m.id, status, body: body.value.trim() });
    const preview = await lookAt(this.desk, read).catch((error) => { toast(error.message); return null; });
    preview?.follow(body);
    return preview;
  }

  async callOff(m) {
    const body = h("textarea", { rows: "3", dir: "auto" }, "The maintenance has been cancelled.");
    const all = m.rrule && check("ends_series", "And all that were to follow", false);
    const preview = await this.look(m, body, "completed");
    if (!preview) return;
    preview.word = "Cancelled";
    preview.draw();
    const isDone = await sheet({
      title: `Call off “${m.name}”?`, answer: "Call it off", cancels: "Keep it", draft: `${this.desk.slug}:cancel:${m.id}`,
      parts: [h("p", {}, "Visitors read that it was called off, and calendars take it out."), field("body", "What visitors read", body), all, preview.element].filter(Boolean),
      work: this.step(m, "completed", body, (words) => ["cancel", { ...words, ends_series: Boolean(all && all.querySelector("input").checked) }]),
    });
    if (isDone) toast(`Called off: ${m.name}`);
  }

  /** Another window; its end alone once it has begun. */
  async move(m) {
    const { zone } = this.desk;
    const start = h("input", { type: "datetime-local", value: localInput(zone, Date.parse(m.scheduled_for)), required: true, disabled: isActive(m) });
    const end = h("input", { type: "datetime-local", value: localInput(zone, Date.parse(m.scheduled_until)), required: true });
    const [wasStart, wasEnd] = [start.value, end.value];
    const names = { scheduled_for: "From", scheduled_until: "Until" };
    let wanted;
    let stored = null;
    await sheet({
      title: `Move: ${m.name}`, answer: "Move", draft: `${this.desk.slug}:move:${m.id}`,
      parts: [
        h("div", { class: "pair wide" }, field("scheduled_for", names.scheduled_for, start), field("scheduled_until", names.scheduled_until, end)),
        h("p", { class: "muted small" }, `On the clocks of ${zone.name}. Calendars that have it move it too.`),
      ],
      work: async () => {
        wanted = { scheduled_until: end.value === wasEnd ? m.scheduled_until : instant(zone, end.value) };
        if (!start.disabled) wanted.scheduled_for = start.value === wasStart ? m.scheduled_for : instant(zone, start.value);
        stored = await saveOver({ path: this.path, base: m, wanted, names, shown: (_, value) => this.desk.stamp(value) });
        return stored !== false;
      },
    });
    if (stored) toastSaved(`Moved: ${m.name}`, { path: this.path, base: m, stored, wanted });
  }
}
