/** Middle: open incidents, each with what visitors read last and a form for the next words. */

import { Draft, alertLine, ask, check, field, isFilled, select, submit, toast } from "./forms.js";
import { editIncident, removeIncident } from "./console-edit.js";
import { Notes } from "./console-notes.js";
import { WordsPicker } from "./console-pickers.js";
import { Preview } from "./console-preview.js";
import { askToTell, mayTell } from "./console-tell.js";
import { instant } from "./console-times.js";
import { Updates, lastWords, post } from "./console-updates.js";
import { h, morph } from "./morph.js";
import { api } from "./session.js";
import { icon, status } from "./view.js";
import { IMPACT_WORDS, STATUS_WORDS, TONES, UPDATE_WORDS, ago } from "./words.js";

const NEXT = { investigating: "identified", identified: "monitoring", monitoring: "monitoring" };
const OPEN_STATES = Object.fromEntries(["investigating", "identified", "monitoring"].map((key) => [key, UPDATE_WORDS[key]]));

/** Cards by id: what shows is drawn anew at each change, forms are made once and never touched. */
export class Cards {
  constructor(box, make) {
    this.box = box;
    this.make = make;
    this.cards = new Map();
  }

  draw(items) {
    items.forEach((item, index) => {
      const card = this.cards.get(item.id) ?? this.make(item);
      this.cards.set(item.id, card);
      card.draw(item);
      card.element.dataset.status = item.status;
      if (this.box.children[index] !== card.element) this.box.insertBefore(card.element, this.box.children[index] ?? null);
    });
    const present = new Set(items.map((item) => item.id));
    for (const [id, card] of this.cards) {
      if (present.has(id)) continue;
      card.element.remove();
      this.cards.delete(id);
    }
  }
}

export class OpenPane {
  constructor(desk) {
    this.cards = new Cards(document.getElementById("incidents"), (i) => new IncidentCard(desk, i));
  }

  draw(snapshot) {
    this.cards.draw(snapshot.incidents);
    document.getElementById("calm").hidden = snapshot.incidents.length > 0;
  }

  focusNewest() {
    this.cards.box.querySelector("textarea")?.focus();
  }
}

/** What visitors are told of an incident in one glance. */
function incidentHead(desk, i) {
  const chip = ([id, word]) => {
    const c = desk.component(id);
    return c && h("li", { class: `chip s-${word}`, "data-key": id }, icon(`i-${word}`), h("bdi", {}, c.name), h("span", { class: "vh" }, ` ${STATUS_WORDS[word]}`));
  };
  const tone = TONES[i.impact];
  return h(
    "header", {},
    h("h3", { dir: "auto" }, i.name),
    h(
      "p", { class: "facts" },
      h("span", { class: `impact s-${tone}` }, icon(`i-${tone}`), h("span", {}, `${IMPACT_WORDS[i.impact]}${i.impact_override ? " (set by hand)" : ""}`)),
      h("span", {}, UPDATE_WORDS[i.status]), h("span", {}, `since ${desk.stamp(i.started_at)} · ${ago(Date.parse(i.started_at), Date.now())}`),
    ),
    h("ul", { class: "chips", "aria-label": "Affected" }, Object.entries(i.components).map(chip)),
    lastWords(desk, i),
  );
}

class IncidentCard {
  constructor(desk, i) {
    Object.assign(this, { desk, id: i.id, path: `/pages/${desk.slug}/incidents/${i.id}` });
    this.head = incidentHead(desk, i);
    this.updates = new Updates(desk, this.path, () => this.now, "incident");
    this.notes = new Notes(desk, this.path, () => this.now);
    this.element = h(
      "article", { class: "card", "data-key": i.id }, this.head, this.form(i), h("div", { class: "folds" }, this.updates.element, this.notes.element),
      h(
        "p", { class: "actions" },
        h("button", { type: "button", class: "quiet", onclick: () => editIncident(desk, this.now) }, "Edit name, impact, start"),
        h("button", { type: "button", class: "quiet", onclick: () => removeIncident(desk, this.now) }, "Delete"),
      ),
    );
  }

  get now() {
    return this.desk.incident(this.id);
  }

  draw(i) {
    morph(this.head, incidentHead(this.desk, i));
    this.updates.draw();
    this.notes.draw();
  }

  form(i) {
    const { desk } = this;
    const state = select(OPEN_STATES, NEXT[i.status] ?? "monitoring");
    const body = h("textarea", { rows: "3", placeholder: "What do you know now? What happens next?", dir: "auto", required: true });
    const picker = new WordsPicker(desk, "Change components", (id) => this.now?.components[id]);
    const at = h("input", { type: "datetime-local" });
    const notify = check("notify", "Tell those who follow the page", true);
    const isNews = () => notify.querySelector("input").checked;
    const earlier = h(
      "details", { class: "fold" }, h("summary", {}, "It was so earlier"),
      field("display_at", "Since", at, `On the clocks of ${desk.zone.name}. It goes into its place among what was said, and into the figures.`),
    );
    const sent = (status, said = body.value.trim()) => ({
      status, body: said, components: picker.read(), ...(at.value ? { display_at: instant(desk.zone, at.value) } : {}),
    });
    const preview = new Preview(desk, () => (body.value.trim() || Object.keys(picker.read()).length ? { kind: "incident", about: this.id, ...sent(state.value) } : null), isNews);
    const resolve = h("button", { type: "button", class: "resolve" }, "Resolve");
    const form = h(
      "form", { class: "stack", novalidate: true }, alertLine(), field("body", "Next words", body),
      h("div", { class: "pair" }, field("status", "State", state)), picker.element, earlier, notify, preview.element,
      h("p", { class: "actions" }, h("button", { class: "main", type: "submit" }, "Post update"), resolve),
    );
    const draft = new Draft(form, `${desk.slug}:${this.id}`);
    if (draft.mentions("components.")) picker.fill();
    if (draft.restore()) {
      picker.tell();
      earlier.open = at.value !== "";
    }
    preview.follow(form);
    preview.later();
    // The version that these words answer to: what stood there when the operator began to write.
    let version = null;
    form.addEventListener("input", () => { version ??= this.now?.version; });
    const send = async (update, done) => {
      version = await post(this.path, { ...update, notify: isNews() }, version);
      if (version) return;
      form.reset();
      picker.clear();
      earlier.open = false;
      state.value = NEXT[update.status] ?? "monitoring";
      draft.clear();
      preview.load();
      toast(done);
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!isFilled(form)) return;
      submit(form, async () => {
        const update = sent(state.value);
        const title = `Tell visitors of this about “${this.now.name}”?`;
        if (await mayTell(desk, isNews(), title, { kind: "incident", about: this.id, ...update }, "Post update")) await send(update, `Posted to ${this.now?.name ?? i.name}`);
      });
    });
    resolve.addEventListener("click", () => submit(form, async () => {
      const update = sent("resolved", body.value.trim() || "This incident has been resolved.");
      const words = await this.settle(update, isNews());
      if (words) await send({ ...update, components: words }, `Resolved: ${i.name}`);
    }));
    return form;
  }

  /**
   * Resolving lets go of every component. One question where people are told, and where a component would stay red through
   * its own status: that can be set right in the same breath. Returns the words to send, null to stop.
   */
  async settle(update, isNews) {
    const { desk } = this;
    const words = update.components;
    const shown = { kind: "incident", about: this.id, ...update };
    const after = (c) => words[c.id] ?? c.base_status;
    const red = Object.keys(this.now.components)
      .map((id) => this.desk.component(id))
      .filter((c) => c && after(c) !== "operational" && after(c) !== "under_maintenance");
    if (!red.length) return (await mayTell(desk, isNews, `Tell visitors that “${this.now.name}” is over?`, shown, "Resolve")) ? words : null;
    const body = [h("p", {}, "After resolving, visitors would still see:"), h("ul", { class: "stay" }, red.map((c) => h("li", {}, h("bdi", {}, c.name), status(after(c)))))];
    const answers = [["green", "Set them operational"], ["leave", "Leave them as they are"], ["stop", "Do not resolve"]];
    const title = "Resolve, and these components?";
    const answer = await (isNews ? askToTell(desk, title, shown, answers, body) : ask(title, body, answers));
    if (answer === "leave") return words;
    if (answer !== "green") return null;
    const settled = { ...words };
    for (const c of red) {
      settled[c.id] = "operational";
      if (c.base_status !== "operational") await api("PATCH", `/pages/${desk.slug}/components/${c.id}`, { status: "operational" });
    }
    return settled;
  }
}
