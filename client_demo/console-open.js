/** Middle: open incidents and maintenances, each with what visitors read last and a form for the next words. */

import { Draft, ask, field, select, submit, toast } from "./forms.js";
import { WordsPicker } from "./console-composer.js";
import { Notes, correction, mover } from "./console-extras.js";
import { h, morph, safeHtml } from "./morph.js";
import { api } from "./session.js";
import { icon, status } from "./view.js";
import { IMPACT_WORDS, STATUS_WORDS, TONES, UPDATE_WORDS, ago } from "./words.js";

const NEXT = { investigating: "identified", identified: "monitoring", monitoring: "monitoring" };
const OPEN_STATES = Object.fromEntries(["investigating", "identified", "monitoring"].map((key) => [key, UPDATE_WORDS[key]]));

/** Cards by key: the head is drawn anew at each change, the form is made once and never touched. */
class Cards {
  constructor(box, head, form) {
    this.box = box;
    this.head = head;
    this.form = form;
  }

  draw(items) {
    const present = new Map([...this.box.children].map((card) => [card.dataset.key, card]));
    items.forEach((item, index) => {
      let card = present.get(item.id);
      present.delete(item.id);
      const head = this.head(item);
      if (!card) {
        card = h("article", { class: "card", "data-key": item.id }, head, this.form(item));
        this.box.insertBefore(card, this.box.children[index] ?? null);
      } else {
        if (this.box.children[index] !== card) this.box.insertBefore(card, this.box.children[index]);
        morph(card.firstElementChild, head);
      }
      card.dataset.status = item.status;
    });
    for (const gone of present.values()) gone.remove();
  }
}

export class OpenPane {
  constructor(desk) {
    this.desk = desk;
    this.incidents = new Cards(document.getElementById("incidents"), (i) => this.incidentHead(i), (i) => this.incidentForm(i));
    this.notes = new Map();
    this.maintenances = new Cards(document.getElementById("maintenances"), (m) => this.maintenanceHead(m), (m) => this.maintenanceForm(m));
  }

  draw(snapshot) {
    this.incidents.draw(snapshot.incidents);
    this.maintenances.draw(snapshot.maintenances);
    document.getElementById("calm").hidden = snapshot.incidents.length > 0;
    for (const notes of this.notes.values()) notes.draw();
    document.getElementById("no-maintenance").hidden = snapshot.maintenances.length > 0;
  }

  notesOf(kind, item) {
    const path = `/pages/${this.desk.slug}/${kind}/${item.id}`;
    const notes = new Notes(this.desk, path, () => this.desk.snapshot[kind].find((other) => other.id === item.id)?.notes_count ?? 0);
    this.notes.set(item.id, notes);
    return notes.element;
  }

  lastWords(item) {
    const last = item.updates[0];
    if (!last) return null;
    const time = `${this.desk.stamp(last.display_at)} · ${ago(Date.parse(last.display_at), Date.now())}`;
    return h("div", { class: "last" }, safeHtml("div", { class: "body", dir: "auto" }, last.body_html), h("p", { class: "when" }, time));
  }

  incidentHead(i) {
    const chip = ([id, word]) => {
      const c = this.desk.component(id);
      return c && h("li", { class: `chip s-${word}`, "data-key": id }, icon(`i-${word}`), h("bdi", {}, c.name), h("span", { class: "vh" }, ` ${STATUS_WORDS[word]}`));
    };
    return h(
      "header", {},
      h("h3", { dir: "auto" }, i.name),
      h(
        "p", { class: "facts" },
        h("span", { class: `impact s-${TONES[i.impact]}` }, icon(`i-${TONES[i.impact]}`), h("span", {}, IMPACT_WORDS[i.impact])),
        h("span", {}, UPDATE_WORDS[i.status]), h("span", {}, `since ${this.desk.stamp(i.started_at)}`),
      ),
      h("ul", { class: "chips", "aria-label": "Affected" }, Object.entries(i.components).map(chip)),
      this.lastWords(i),
    );
  }

  incidentForm(i) {
    const state = select(OPEN_STATES, NEXT[i.status] ?? "monitoring");
    const body = h("textarea", { rows: "3", placeholder: "What do you know now? What happens next?" });
    const picker = new WordsPicker(this.desk, "Change components", (id) => this.desk.incident(i.id)?.components[id]);
    const form = h(
      "form", { class: "stack", "data-keep": true, novalidate: true },
      h("p", { class: "alert", role: "alert", hidden: true }),
      field("body", "Next words", body),
      h("div", { class: "pair" }, field("status", "State", state)),
      picker.element,
      h("p", { class: "actions" }, h("button", { class: "main", type: "submit" }, "Post update"), h("button", { type: "button", class: "resolve" }, "Resolve"), correction(`/pages/${this.desk.slug}/incidents/${i.id}`, () => this.desk.incident(i.id))),
    );
    const draft = new Draft(form, `${this.desk.slug}:${i.id}`);
    draft.restore();
    // The version that these words answer to: what stood there when the operator began to write.
    let version = null;
    form.addEventListener("input", () => { version ??= this.desk.incident(i.id)?.version; });
    const send = (status, components) =>
      submit(form, async () => {
        await this.post(i.id, { status, body: body.value.trim(), components }, version);
        body.value = "";
        version = null;
        picker.clear();
        draft.clear();
        toast(status === "resolved" ? `Resolved: ${i.name}` : `Posted to ${i.name}`);
      });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      send(state.value, picker.words());
    });
    form.querySelector(".resolve").addEventListener("click", async () => {
      const words = await this.settle(this.desk.incident(i.id), picker.words());
      if (!words) return;
      if (!body.value.trim()) body.value = "This incident has been resolved.";
      await send("resolved", words);
    });
    return h("div", { class: "stack", "data-keep": true }, form, this.notesOf("incidents", i));
  }

  /** Post; when another operator was first, show his words beside these and ask. Nothing of either is lost. */
  async post(id, update, version) {
    const path = `/pages/${this.desk.slug}/incidents/${id}/updates`;
    try {
      await api("POST", path, update, version ? { "If-Match": `"${version}"` } : {});
    } catch (error) {
      if (error.status !== 409 || !error.data) throw error;
      const last = error.data.updates?.[0];
      const body = [
        h("p", {}, "Somebody else wrote while you did:"),
        last && h("blockquote", {}, h("p", { class: "word" }, UPDATE_WORDS[last.status]), safeHtml("div", { class: "body" }, last.body_html)),
        h("p", {}, "Yours:"),
        h("blockquote", {}, h("p", { class: "word" }, UPDATE_WORDS[update.status]), h("p", {}, update.body)),
      ].filter(Boolean);
      const answer = await ask("Two updates at once", body, [["mine", "Post mine as well"], ["edit", "Back to my text"]]);
      if (answer !== "mine") throw error;
      await api("POST", path, update);
    }
  }

  /**
   * Resolving lets go of every component. One question, and only if a component would stay red through its own status:
   * that can be set right in the same breath. Returns the words to send, null to stop.
   */
  async settle(incident, words) {
    const after = (c) => words[c.id] ?? c.base_status;
    const red = Object.keys(incident.components)
      .map((id) => this.desk.component(id))
      .filter((c) => c && after(c) !== "operational" && after(c) !== "under_maintenance");
    if (!red.length) return words;
    const body = [h("p", {}, "After resolving, visitors would still see:"), h("ul", { class: "stay" }, red.map((c) => h("li", {}, h("bdi", {}, c.name), status(after(c)))))];
    const answer = await ask("Resolve, and these components?", body, [["green", "Set them operational"], ["leave", "Leave them as they are"], ["stop", "Do not resolve"]]);
    if (answer === "leave") return words;
    if (answer !== "green") return null;
    const settled = { ...words };
    for (const c of red) {
      settled[c.id] = "operational";
      if (c.base_status !== "operational") await api("PATCH", `/pages/${this.desk.slug}/components/${c.id}`, { status: "operational" });
    }
    return settled;
  }

  maintenanceHead(m) {
    const names = m.components.map((id) => this.desk.component(id)?.name).filter(Boolean);
    return h(
      "header", {},
      h("h3", { dir: "auto" }, m.name),
      h(
        "p", { class: "facts" },
        h("span", { class: "impact s-under_maintenance" }, icon(`u-${m.status}`), h("span", {}, UPDATE_WORDS[m.status])),
        h("span", {}, this.desk.zone.window(Date.parse(m.scheduled_for), Date.parse(m.scheduled_until), Date.now())),
      ),
      names.length > 0 && h("p", { class: "muted" }, names.join(", ")),
    );
  }

  maintenanceForm(m) {
    const form = h("form", { class: "stack", "data-keep": true }, h("p", { class: "alert", role: "alert", hidden: true }), h("p", { class: "actions" }));
    const move = (text, status, body) =>
      h("button", {
        type: "button", class: `to-${status}`,
        onclick: () => submit(form, () => api("POST", `/pages/${this.desk.slug}/maintenances/${m.id}/updates`, { status, body })),
      }, text);
    const cancel = h("button", {
      type: "button", class: "quiet",
      onclick: async () => {
        const series = m.rrule ? [["series", "Call off all that follow"]] : [];
        const answer = await ask(`Call off “${m.name}”?`, [h("p", {}, "Visitors read that it was called off, and calendars take it out.")], [["keep", "Keep it"], ["off", "Call it off"], ...series]);
        if (answer === "off" || answer === "series") await submit(form, () => api("POST", `/pages/${this.desk.slug}/maintenances/${m.id}/cancel`, { ends_series: answer === "series" }));
      },
    }, "Call off");
    form.querySelector(".actions").append(
      move("Start now", "in_progress", "The maintenance has begun."),
      move("Complete", "completed", "The maintenance is complete."),
      cancel,
    );
    return h("div", { class: "stack", "data-keep": true }, form, mover(this.desk, m), this.notesOf("maintenances", m));
  }

  focusNewest() {
    this.incidents.box.querySelector("textarea")?.focus();
  }
}
