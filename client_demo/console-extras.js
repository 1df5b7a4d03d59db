/** What operators need beside the next words: notes, corrections, postmortems, other times, templates. */

import { instant, localInput } from "./console-times.js";
import { ask, check, field, submit, toast } from "./forms.js";
import { h, safeHtml } from "./morph.js";
import { api } from "./session.js";
import { UPDATE_WORDS } from "./words.js";

const alertLine = () => h("p", { class: "alert", role: "alert", hidden: true });
const fold = (text, ...parts) => h("details", { class: "fold" }, h("summary", {}, text), ...parts);

/** Notes of one incident or maintenance; `path` is its address, `count()` how many there are now. */
export class Notes {
  constructor(desk, path, count) {
    this.desk = desk;
    this.path = path;
    this.count = count;
    this.list = h("ul", { class: "notes" });
    const body = h("textarea", { rows: "2" });
    const form = h("form", { class: "stack", novalidate: true }, alertLine(), field("body", "New note", body), h("p", { class: "actions" }, h("button", { type: "submit" }, "Keep note")));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (await submit(form, () => api("POST", `${path}/notes`, { body: body.value.trim() }))) form.reset();
    });
    this.summary = h("summary", {}, "Notes");
    this.element = h("details", { class: "fold notes-fold" }, this.summary, h("p", { class: "muted small" }, "For operators alone: visitors never see these."), this.list, form);
    this.element.addEventListener("toggle", () => this.load());
    this.draw();
  }

  draw() {
    const count = this.count();
    this.summary.textContent = count ? `Notes (${count})` : "Notes";
    if (this.element.open && count !== this.shown) this.load();
  }

  async load() {
    if (!this.element.open) return;
    this.shown = this.count();
    const notes = await api("GET", `${this.path}/notes`).catch(() => null);
    if (!notes) return;
    this.list.replaceChildren(
      ...notes.map((note) =>
        h("li", {}, safeHtml("div", { class: "body", dir: "auto" }, note.body_html), h("p", { class: "when" }, `${note.author?.email ?? note.author ?? "somebody"} · ${this.desk.stamp(note.created_at)}`)),
      ),
    );
  }
}

/** Correct what was said last, in its place and at its time. */
export function correction(path, incident) {
  return h("button", {
    type: "button", class: "quiet correct",
    onclick: async () => {
      const { version, updates: [last] } = incident(); // what he has before his eyes when he begins
      const body = h("textarea", { rows: "5" });
      body.value = last.body;
      const tell = check("notify", "Tell those who follow again", false);
      const problem = alertLine();
      while ((await ask("Correct the last words", [h("div", { class: "stack" }, problem, field("body", "Words", body), tell)], [["save", "Save"], ["stop", "Leave them"]])) === "save") {
        try {
          await api("PATCH", `${path}/updates/${last.id}`, { body: body.value.trim(), notify: tell.querySelector("input").checked, version });
          return toast("Corrected");
        } catch (error) { // the words stay in the dialog, beside what stands in their way
          problem.textContent = error.status === 409 ? "Somebody else changed this incident meanwhile. Close this, read it, and correct it again." : error.message;
          problem.hidden = false;
        }
      }
    },
  }, "Correct");
}

/** Incidents that are over: open again, or say what was learned. */
export class Ended {
  constructor(desk) {
    this.desk = desk;
    this.box = document.getElementById("ended");
    this.cards = new Map();
  }

  draw(snapshot) {
    const cards = new Map(snapshot.history.map((i) => [i.id, this.cards.get(i.id) ?? this.card(i)]));
    for (const i of snapshot.history) cards.get(i.id).say(i);
    const wanted = [...cards.values()].map((card) => card.element);
    if (wanted.length !== this.box.children.length || wanted.some((row, index) => row !== this.box.children[index])) this.box.replaceChildren(...wanted);
    this.cards = cards;
    document.getElementById("none-ended").hidden = wanted.length > 0;
  }

  card(i) {
    const path = `/pages/${this.desk.slug}/incidents/${i.id}`;
    const body = h("textarea", { rows: "6" });
    body.value = i.postmortem_draft ?? "";
    const form = h("form", { class: "stack", novalidate: true }, alertLine(), field("body", "Postmortem", body, "A draft until it is published; Markdown works."));
    // `work` returns false when the operator thought better of it: then nothing is said to be done.
    const button = (text, name, work, done) =>
      h("button", { type: "button", class: name, onclick: async () => {
        let result;
        if ((await submit(form, async () => { result = await work(); })) && result !== false) toast(done);
      } }, text);
    form.append(
      h(
        "p", { class: "actions" },
        button("Keep draft", "draft", () => api("PUT", `${path}/postmortem`, { body: body.value.trim() }), "Draft kept"),
        button("Publish", "publish", async () => {
          await api("PUT", `${path}/postmortem`, { body: body.value.trim() });
          const answer = await ask("Publish the postmortem?", [h("p", {}, "Everybody who may see the incident reads it from then on, and those who follow are told.")], [["publish", "Publish"], ["stop", "Not yet"]]);
          if (answer !== "publish") return false;
          await api("POST", `${path}/postmortem/publish`, {});
        }, "Published"),
        button("Reopen", "reopen", async () => {
          // Words of their own: what is in the form is a draft, and visitors must not read it.
          const words = h("textarea", { rows: "3" });
          words.value = "This has come back. We are looking.";
          const answer = await ask(
            `Reopen “${i.name}”?`,
            [h("p", {}, "It is open again, what its last words say of components holds again, and those who follow are told:"), field("body", "What visitors read", words)],
            [["open", "Reopen"], ["stop", "Leave it"]],
          );
          if (answer !== "open") return false;
          await api("POST", `${path}/updates`, { status: "investigating", body: words.value.trim() });
        }, "Reopened"),
      ),
    );
    const words = h("span", { class: "muted" });
    const element = h("details", { class: "fold ended", "data-key": i.id }, h("summary", {}, h("bdi", {}, i.name), " ", words), form);
    return { element, say: (now) => { words.textContent = `${UPDATE_WORDS[now.status]} ${this.desk.stamp(now.resolved_at)}${now.postmortem_draft ? " · draft" : ""}`; } };
  }
}

/** Another window for a maintenance: its end alone once it has begun. */
export function mover(desk, m) {
  const start = h("input", { type: "datetime-local" });
  const end = h("input", { type: "datetime-local" });
  start.value = localInput(desk.zone, Date.parse(m.scheduled_for));
  end.value = localInput(desk.zone, Date.parse(m.scheduled_until));
  const form = h(
    "form", { class: "stack", novalidate: true }, alertLine(),
    h("div", { class: "pair" }, field("scheduled_for", "From", start), field("scheduled_until", "Until", end)),
    h("p", { class: "muted small" }, `Times of ${desk.zone.name}`),
    h("p", { class: "actions" }, h("button", { type: "submit" }, "Move")),
  );
  const present = () => desk.snapshot.maintenances.find((other) => other.id === m.id);
  let version; // of what he answers to: another operator's move meanwhile is told, not undone
  form.addEventListener("input", () => { version ??= present()?.version; });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const now = present();
    const body = { scheduled_until: instant(desk.zone, end.value), version: version ?? now?.version };
    version = undefined;
    if (now?.status === "scheduled") body.scheduled_for = instant(desk.zone, start.value);
    if (await submit(form, () => api("PATCH", `/pages/${desk.slug}/maintenances/${m.id}`, body))) toast(`Moved: ${m.name}`);
  });
  return fold("Move", form);
}

/** A choice of templates that fills a form by `use(template)`; `read()` gives what a new template would hold. */
export function templates(desk, kind, use, read) {
  const path = `/pages/${desk.slug}/templates`;
  const choice = h("select", {});
  let known = [];
  const load = async () => {
    known = (await api("GET", path).catch(() => [])).filter((one) => one.kind === kind);
    choice.replaceChildren(h("option", { value: "" }, known.length ? "none" : "none yet"), ...known.map((one) => h("option", { value: one.id }, one.name)));
  };
  const chosen = () => known.find((one) => one.id === choice.value);
  choice.addEventListener("change", () => { if (chosen()) use(chosen()); });
  const keep = h("button", { type: "button", class: "quiet keep-template", onclick: async () => {
    const name = h("input", { maxlength: "255" });
    name.value = read().title;
    if ((await ask("Keep as a template", [field("name", "Name of the template", name)], [["keep", "Keep"], ["stop", "No"]])) !== "keep") return;
    await api("POST", path, { kind, name: name.value.trim(), ...read() }).then(() => toast("Template kept"), (error) => toast(error.fields ? Object.entries(error.fields).map(([key, text]) => `${key} ${text}`).join("; ") : error.message));
    await load();
  } }, "Keep as template");
  const drop = h("button", { type: "button", class: "quiet", onclick: async () => {
    const one = chosen();
    if (!one || (await ask(`Delete the template “${one.name}”?`, [], [["stop", "Keep it"], ["delete", "Delete"]])) !== "delete") return;
    await api("DELETE", `${path}/${one.id}`).catch((error) => toast(error.message));
    await load();
  } }, "Delete template");
  load();
  return h("div", { class: "templates" }, field("template", "Template", choice), h("p", { class: "actions" }, keep, drop));
}
