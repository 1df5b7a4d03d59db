/** What visitors will see, kind by kind, as the server makes it; and how many see it at once. */

import { alertText } from "./forms.js";
import { h } from "./morph.js";
import { api } from "./session.js";
import { View } from "./view.js";
import { TONES } from "./words.js";
import { audienceWords } from "./console-pickers.js";

const PAUSE_MS = 400;

const people = (n) => (n === 1 ? "1 person" : `${n} people`);
const has = (n) => (n === 1 ? "has" : "have");
const sees = (n) => (n === 1 ? "sees" : "see");

/** Who is told, in a sentence that claims no more than is so. */
export function reach({ viewers, reached, windows }, isNews) {
  const after = isNews ? `${windows.length ? "Feeds and calendars have" : "Feeds have"} it when they are next read; nobody is mailed.` : "It is marked as no news, so that programs which pass news on leave it out.";
  if (viewers === null) return `How many have the page open is not known just now. ${after}`;
  if (viewers === 0) return `Nobody has the page open now. ${after}`;
  if (reached === viewers) return `${people(viewers)} ${has(viewers)} the page open now and ${sees(viewers)} this at once. ${after}`;
  return `${people(viewers)} ${has(viewers)} the page open now: ${reached} ${sees(reached)} this at once, for the others nothing changes. ${after}`;
}

export class Preview {
  /** `read()`: the draft as the API takes it, null while there is none; `isNews()`: whether people are to be told. */
  constructor(desk, read, isNews = () => true) {
    this.desk = desk;
    this.read = read;
    this.isNews = isNews;
    this.view = new View({ slug: desk.slug, zone: desk.zone, now: () => Date.now() });
    this.asked = 0;
    this.word = null; // what it is called instead of by its state
    this.audience = null;
    this.tabs = h("div", { class: "audiences", role: "group", "aria-label": "Shown as" });
    this.stage = h("div", { class: "stage", tabindex: "0", role: "region", "aria-label": "As visitors will see it" });
    this.reach = h("p", { class: "reach hint" });
    this.windows = h("p", { class: "windows hint" });
    this.fold = h("details", { class: "fold", open: true }, h("summary", {}, "As visitors will see it"), this.tabs, this.stage);
    this.element = h("div", { class: "preview", hidden: true }, this.fold, this.windows, this.reach);
    this.tabs.addEventListener("click", ({ target }) => {
      const button = target.closest("button");
      if (button) this.choose(button.dataset.audience);
    });
  }

  /** Follow what is typed in `form`. */
  follow(form) {
    form.addEventListener("input", () => this.later());
    form.addEventListener("change", () => this.later());
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(), PAUSE_MS);
  }

  async load() {
    const draft = this.read();
    const number = (this.asked += 1);
    if (!draft) {
      this.element.hidden = true;
      this.stage.replaceChildren();
      return;
    }
    let shown = null;
    let problem = null;
    try {
      shown = await api("POST", `/pages/${this.desk.slug}/preview`, draft);
    } catch (error) {
      problem = error;
    }
    if (number !== this.asked) return; // something newer is under way
    this.element.hidden = false;
    this.shown = shown;
    this.problem = problem;
    if (problem) {
      this.stage.replaceChildren(h("p", { class: "muted" }, `No preview: ${alertText(problem)}`));
      this.tabs.replaceChildren();
      this.reach.textContent = "";
      return;
    }
    this.draw();
  }

  choose(audience) {
    this.audience = audience;
    this.draw();
    this.tabs.querySelector('[aria-pressed="true"]')?.focus();
  }

  draw() {
    if (!this.shown) return; // the hub has not answered
    const { audiences, windows } = this.shown;
    const share = audiences.find(({ audience }) => audience === this.audience) ?? audiences[0];
    this.tabs.hidden = audiences.length < 2;
    this.tabs.replaceChildren(
      ...audiences.map(({ audience, sees: isSeen, viewers }) =>
        h(
          "button", { type: "button", "data-audience": audience, "aria-pressed": String(audience === share?.audience) },
          audienceWords(this.desk, audience), isSeen ? null : " (nothing)", viewers ? h("span", { class: "muted" }, ` · ${viewers} now`) : null,
        ),
      ),
    );
    this.stage.replaceChildren(...(share ? this.render(share) : []));
    this.reach.textContent = reach(this.shown, this.isNews());
    const coming = windows.map((w) => this.desk.zone.window(Date.parse(w.scheduled_for), Date.parse(w.scheduled_until), Date.now()));
    this.windows.textContent = this.isRecurring() ? `${coming.length === 1 ? "This one alone" : `The next ${coming.length} windows`}: ${coming.join("; ")}.` : "";
  }

  isRecurring() {
    return Boolean(this.read()?.rrule);
  }

  render(share) {
    const said = h("p", { class: `rollup-text s-${TONES[share.status.indicator]}` }, share.status.description);
    if (!share.sees) return [h("p", { class: "muted" }, "They notice nothing of it."), said];
    const names = Object.fromEntries(share.components.map(({ id, name }) => [id, name]));
    const article = share.incident ? this.view.incident(share.incident, names) : this.view.maintenance(share.maintenance, names);
    if (this.word) article.querySelector(".facts .impact span").textContent = this.word;
    article.removeAttribute("id");
    for (const link of article.querySelectorAll("h3 a")) link.replaceWith(...link.childNodes);
    return [said, article];
  }
}
