/** Incidents that are over: say what was learned, open again, correct. */

import { Draft, alertLine, ask, check, field, submit, toast } from "./forms.js";
import { editIncident, removeIncident } from "./console-edit.js";
import { Notes } from "./console-notes.js";
import { askClash, sheet } from "./console-sheet.js";
import { lookAt } from "./console-tell.js";
import { Updates, post } from "./console-updates.js";
import { h } from "./morph.js";
import { api, list } from "./session.js";
import { UPDATE_WORDS } from "./words.js";

const SAVE_AFTER_MS = 1_500;
const OLDER = 20;

export class Ended {
  constructor(desk) {
    this.desk = desk;
    this.box = document.getElementById("ended");
    this.cards = new Map();
    this.older = new Map(); // asked for, beyond those that the live page tells of
    this.pages = 0; // how many of them
    this.more = h("button", { type: "button", class: "quiet", onclick: () => this.loadOlder(this.pages + 1) }, "Show older ones");
    this.box.after(this.more);
  }

  draw(snapshot) {
    const live = new Set(snapshot.history.map(({ id }) => id));
    for (const { id } of [...snapshot.incidents, ...snapshot.history]) this.older.delete(id);
    const items = [...snapshot.history, ...this.older.values()];
    const cards = new Map(items.map((i) => [i.id, this.cards.get(i.id) ?? new EndedCard(this.desk, i, () => this.find(i.id))]));
    items.forEach((i, index) => {
      const card = cards.get(i.id);
      card.draw(i);
      if (this.box.children[index] !== card.element) this.box.insertBefore(card.element, this.box.children[index] ?? null);
    });
    for (const [id, card] of this.cards) if (!cards.has(id)) card.element.remove();
    this.cards = cards;
    this.more.hidden = this.isAll || live.size < 10;
    document.getElementById("none-ended").hidden = items.length > 0;
  }

  find(id) {
    return this.desk.snapshot.history.find((i) => i.id === id) ?? this.older.get(id);
  }

  /** Something happened on the page; null: everything may have. The live page does not tell it of the older ones. */
  hear(event) {
    if (this.pages && (!event || event.type.startsWith("incident."))) this.loadOlder(this.pages);
  }

  async loadOlder(pages) {
    const number = (this.asked = (this.asked ?? 0) + 1);
    const found = [];
    let cursor = "";
    try {
      for (let page = 0; page < pages && cursor !== null; page += 1) {
        const { data, next } = await list("GET", `/pages/${this.desk.slug}/incidents?limit=${OLDER}${cursor && `&before=${encodeURIComponent(cursor)}`}`);
        found.push(...data);
        cursor = next;
      }
    } catch {
      return; // the mark at the head says that the line is lost
    }
    if (number !== this.asked) return;
    this.pages = pages;
    this.isAll = cursor === null;
    this.older = new Map(found.map((i) => [i.id, i]));
    this.draw(this.desk.snapshot);
  }
}

class EndedCard {
  constructor(desk, i, find) {
    Object.assign(this, { desk, find, id: i.id, path: `/pages/${desk.slug}/incidents/${i.id}` });
    this.words = h("span", { class: "muted" });
    this.name = h("bdi", {});
    this.element = h("details", { class: "fold ended", "data-key": i.id }, h("summary", {}, this.name, " ", this.words));
    this.element.addEventListener("toggle", () => this.open());
  }

  draw(i) {
    this.name.textContent = i.name;
    this.words.textContent = `${UPDATE_WORDS[i.status]} ${this.desk.stamp(i.resolved_at)}${i.postmortem_draft ? " · draft" : ""}`;
    this.updates?.draw();
    this.notes?.draw();
    this.takeDraft(i);
  }

  /** What is inside is made when it is first looked at. */
  open() {
    if (this.updates || !this.element.open) return;
    const { desk } = this;
    this.updates = new Updates(desk, this.path, this.find, "incident");
    this.notes = new Notes(desk, this.path, () => this.find());
    const button = (text, name, work) => h("button", { type: "button", class: name, onclick: work }, text);
    this.element.append(
      h(
        "div", { class: "stack" }, this.postmortemForm(), h("div", { class: "folds" }, this.updates.element, this.notes.element),
        h(
          "p", { class: "actions" }, button("Reopen", "reopen", () => this.reopen()),
          button("Edit name, impact, times", "quiet", () => editIncident(desk, this.find())), button("Delete", "quiet", () => removeIncident(desk, this.find())),
        ),
      ),
    );
  }

  postmortemForm() {
    const i = this.find();
    this.body = h("textarea", { rows: "6", dir: "auto" });
    this.body.value = i.postmortem_draft ?? "";
    this.state = h("p", { class: "hint", role: "status" });
    this.base = { text: i.postmortem_draft ?? "", version: i.version };
    const publish = h("button", { type: "button", class: "publish", onclick: () => this.publish() }, "Publish");
    this.form = h(
      "form", { class: "stack", novalidate: true }, alertLine(),
      field("body", "Postmortem", this.body, "A draft for operators, kept as you type, until it is published. Markdown works."), this.state, h("p", { class: "actions" }, publish),
    );
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.save(); });
    this.kept = new Draft(this.form, `${this.desk.slug}:postmortem:${this.id}`);
    if (this.kept.restore() && this.isTyped()) this.later();
    this.body.addEventListener("input", () => this.later());
    return this.form;
  }

  isTyped() {
    return this.body.value.trim() !== this.base.text.trim();
  }

  /** Another operator's draft is shown, unless something is being typed here: then saving asks. */
  takeDraft(i) {
    if (!this.body || this.saving || this.isTyped()) return;
    this.base = { text: i.postmortem_draft ?? "", version: i.version };
    if (this.body.value.trim() !== this.base.text.trim()) this.body.value = this.base.text;
  }

  later() {
    this.state.textContent = "Not kept yet …";
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), SAVE_AFTER_MS);
  }

  /** Keep the draft on the server; true when it is there. */
  async save() {
    clearTimeout(this.timer);
    await this.saving;
    if (!this.isTyped()) return true;
    const text = this.body.value.trim();
    this.saving = this.put(text, this.base.version);
    const stored = await this.saving.catch((error) => {
      this.state.textContent = error.status === 401 ? "Your session has ended; what you typed stays in this browser." : `Not kept: ${error.message}`;
      return null;
    });
    this.saving = null;
    if (!stored) return false;
    this.base = { text: stored.postmortem_draft ?? "", version: stored.version };
    if (this.body.value.trim() !== text) this.later();
    else {
      this.kept.clear();
      this.state.textContent = `Draft kept ${this.desk.stamp(new Date().toISOString())}`;
    }
    return true;
  }

  async put(text, version) {
    const send = (from) => (text ? api("PUT", `${this.path}/postmortem`, { body: text, version: from }) : api("DELETE", `${this.path}/postmortem`, undefined, { "If-Match": `"${from}"` }));
    try {
      return (await send(version)) ?? this.fresh();
    } catch (error) {
      if (error.status !== 409 || !error.data) throw error;
      const theirs = error.data.postmortem_draft ?? "";
      // A note, a correction: something else has grown the version, and the draft is as it was.
      if (theirs !== this.base.text && theirs !== text) {
        const answer = await askClash("Two drafts at once", [["Postmortem", theirs || "nothing", text || "nothing"]]);
        if (answer === "theirs") {
          this.body.value = theirs;
          return error.data;
        }
        if (answer !== "mine") throw Object.assign(error, { message: "somebody else has changed the draft." });
      }
      return (await send(error.data.version)) ?? this.fresh();
    }
  }

  fresh() {
    return api("GET", this.path);
  }

  async publish() {
    if (!(await this.save()) || !this.base.text) {
      if (!this.base.text) toast("There is nothing to publish yet: write the postmortem first.");
      return;
    }
    const tell = check("notify", "Tell those who follow the page", true);
    const draft = { kind: "incident", about: this.id, status: "postmortem", body: this.base.text };
    const preview = await this.look(() => draft, () => tell.querySelector("input").checked);
    if (!preview) return;
    tell.addEventListener("input", () => preview.draw());
    const answer = await ask("Publish the postmortem?", [h("p", {}, "Everybody who may see the incident reads it from then on."), preview.element, tell], [["publish", "Publish"], ["stop", "Not yet"]]);
    if (answer !== "publish") return;
    const isDone = await submit(this.form, () => api("POST", `${this.path}/postmortem/publish`, { notify: tell.querySelector("input").checked, version: this.base.version }));
    if (!isDone) return;
    this.body.value = "";
    this.base.text = "";
    this.kept.clear();
    this.state.textContent = "";
    toast("Published");
  }

  /** What visitors will see; null, with a line at the foot, where it cannot be. */
  look(read, isNews) {
    return lookAt(this.desk, read, isNews).catch((error) => { toast(error.message); return null; });
  }

  /** Words of their own: what is in the form is a draft, and visitors must not read it. */
  async reopen() {
    const i = this.find();
    let { version } = i;
    const words = h("textarea", { rows: "3", dir: "auto" }, "This has come back. We are looking.");
    const preview = await this.look(() => ({ kind: "incident", about: this.id, status: "investigating", body: words.value.trim() }));
    if (!preview) return;
    preview.follow(words);
    const isDone = await sheet({
      title: `Reopen “${i.name}”?`, answer: "Reopen", draft: `${this.desk.slug}:reopen:${this.id}`,
      parts: [h("p", {}, "It is open again, what it said of components before its end holds again, and those who follow are told:"), field("body", "What visitors read", words), preview.element],
      work: async () => {
        const seen = await post(this.path, { status: "investigating", body: words.value.trim() }, version);
        version = seen ?? version;
        return seen === null;
      },
    });
    if (isDone) toast("Reopened");
  }
}
