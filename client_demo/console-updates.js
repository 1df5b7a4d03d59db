/** What was said so far, with a way to correct each; and sending the next words, also when another was first. */

import { ask, check, field, toast } from "./forms.js";
import { saveOver, sheet } from "./console-sheet.js";
import { lookAt } from "./console-tell.js";
import { instant, localInput } from "./console-times.js";
import { h, morph, safeHtml } from "./morph.js";
import { api } from "./session.js";
import { UPDATE_WORDS, ago } from "./words.js";

/** The newest words of an incident or maintenance, always in sight. */
export function lastWords(desk, item) {
  const last = item.updates[0];
  if (!last) return null;
  const when = `${desk.stamp(last.display_at)} · ${ago(Date.parse(last.display_at), Date.now())}`;
  return h("div", { class: "last" }, safeHtml("div", { class: "body", dir: "auto" }, last.body_html), h("p", { class: "when" }, when));
}

/** All updates in a fold, each with "Correct". `current()`: the incident or maintenance (`kind`) as it is now. */
export class Updates {
  constructor(desk, path, current, kind) {
    Object.assign(this, { desk, path, current, kind });
    this.summary = h("summary", {}, "All words");
    this.list = h("ol", { class: "said" });
    this.element = h("details", { class: "fold updates-fold" }, this.summary, this.list);
    this.element.addEventListener("toggle", () => this.draw());
    this.draw();
  }

  draw() {
    const updates = this.current()?.updates ?? [];
    this.summary.textContent = `All words (${updates.length})`;
    if (!this.element.open) return;
    morph(this.list, h("ol", { class: "said" }, updates.map((update) => this.row(update))));
  }

  row(update) {
    return h(
      "li", { "data-key": `${update.id}-${update.updated_at}` },
      h("p", { class: "word" }, UPDATE_WORDS[update.status]),
      safeHtml("div", { class: "body", dir: "auto" }, update.body_html),
      h(
        "p", { class: "when" }, `${this.desk.stamp(update.display_at)}${update.deliver_notifications ? "" : " · quietly"} `,
        h("button", { type: "button", class: "quiet correct", onclick: () => this.correct(update) }, "Correct", h("span", { class: "vh" }, ` what was said at ${this.desk.stamp(update.display_at)}`)),
      ),
    );
  }

  /** Correct `update` in its place; nobody is told of it unless that is asked for. */
  async correct(update) {
    const { version } = this.current();
    const body = h("textarea", { rows: "5", dir: "auto" }, update.body);
    const at = h("input", { type: "datetime-local", value: localInput(this.desk.zone, Date.parse(update.display_at)), required: true });
    const shownAt = at.value;
    const tell = check("notify", "Tell those who follow again", false);
    const path = `${this.path}/updates/${update.id}`;
    let stored = null;
    let isNews = false;
    const isSaved = await sheet({
      title: "Correct what was said", answer: "Save", draft: `${this.desk.slug}:update:${update.id}`,
      parts: [field("body", "Words", body), field("display_at", "Said at", at, `On the clocks of ${this.desk.zone.name}; between the words before and after.`), tell],
      work: async () => {
        const wanted = { body: body.value.trim(), display_at: at.value === shownAt ? update.display_at : instant(this.desk.zone, at.value) };
        const also = tell.querySelector("input").checked ? { notify: true } : {};
        if (also.notify && !(await this.mayTellAgain(wanted.body))) return false;
        stored = await saveOver({
          path, base: { ...update, version }, wanted, also, names: { body: "Words", display_at: "Said at" },
          shown: (name, value) => (name === "display_at" ? this.desk.stamp(value) : value),
          read: (item) => ({ ...item.updates.find(({ id }) => id === update.id), version: item.version }),
        });
        isNews = Boolean(also.notify);
        return stored !== false;
      },
    });
    if (isSaved && stored) toast("Corrected", isNews ? null : () => this.takeBack(path, update, stored));
  }

  /** What was corrected as it was, unless it has been corrected again. */
  async takeBack(path, before, after) {
    try {
      const now = await api("GET", this.path);
      const shown = now.updates.find(({ id }) => id === before.id);
      if (shown?.body !== after.body || shown.display_at !== after.display_at) return toast("It was changed since; nothing was undone.");
      await api("PATCH", path, { body: before.body, display_at: before.display_at, version: now.version });
      toast("It is as it was.");
    } catch (error) {
      toast(error.message);
    }
  }

  /** The new words, and how many have the page open, before those who follow are told once more. */
  async mayTellAgain(body) {
    const { reach } = await lookAt(this.desk, () => ({ kind: this.kind, about: this.current().id, body }));
    const words = h("blockquote", { class: "mine" }, h("p", { dir: "auto" }, body));
    return (await ask("Tell those who follow again?", [words, reach], [["tell", "Tell them"], ["back", "Back to my text"]])) === "tell";
  }
}

/**
 * Tell `update` by `send(version)`; when another was first, his words stand beside these and the operator decides. Null when
 * it is told; else the version that he has seen now, and goes back to his text with.
 */
export async function tellOver(send, update, version) {
  try {
    await send(version);
  } catch (error) {
    if (error.code !== "version_conflict" || !error.data) throw error;
    const last = error.data.updates?.[0];
    const body = [
      h("p", {}, "Somebody else changed it while you wrote. What was said last:"),
      last && h("blockquote", { class: "theirs" }, h("p", { class: "word" }, UPDATE_WORDS[last.status]), safeHtml("div", { class: "body" }, last.body_html)),
      h("p", {}, "Yours:"),
      h("blockquote", { class: "mine" }, h("p", { class: "word" }, UPDATE_WORDS[update.status]), h("p", { dir: "auto" }, update.body)),
    ].filter(Boolean);
    const answer = await ask("Two updates at once", body, [["mine", "Post mine as well"], ["edit", "Back to my text"]]);
    if (answer !== "mine") return error.data.version;
    await send(error.data.version);
  }
  return null;
}

export const post = (path, update, version) =>
  tellOver((seen) => api("POST", `${path}/updates`, { ...update, ...(seen ? { version: seen } : {}) }), update, version);
