/** The form of a page's settings: what is changed is sent, and a clash shows both sides. */

import { READABLE, isColor, shades } from "./console-color.js";
import { field, select, showErrors, submit, toast } from "./forms.js";
import { h } from "./morph.js";
import { api } from "./session.js";

const AUDIENCES = {
  public: "Everybody",
  authenticated: "Everybody who signs in",
  verified: "Accounts with a confirmed address",
};
const MEANINGS = {
  public: "Anybody can open the page, and search engines find it.",
  authenticated: "Whoever signs in can open it, and anybody can make an account. Others find nothing here.",
  verified: "Accounts that have confirmed their address of mail, or for whom an administrator vouches. Others find nothing here.",
  group: "Members of the group, who come by invitation. Others find nothing here.",
};
const LANGUAGES = { en: "English", ru: "Русский", de: "Deutsch", es: "Español", fr: "Français" };
const WEIGHTS = { major_outage: "Major outage", partial_outage: "Partial outage", degraded_performance: "Degraded performance" };
const NAMES = {
  title: "Title", description: "Description", time_zone: "Time zone", locale: "Language", audience: "Who sees it",
  brand_color: "Brand colour", custom_css: "Your own CSS", custom_domain: "Host name",
  ...Object.fromEntries(Object.entries(WEIGHTS).map(([name, text]) => [`weights.${name}`, text])),
};
const OPTIONAL = new Set(["description", "brand_color", "custom_css", "custom_domain"]);

/** The stored value of a field as its control shows it. */
function stored(page, name) {
  if (name.startsWith("weights.")) return String(page.weights[name.slice(8)]);
  return page[name] ?? "";
}

export class SettingsForm {
  constructor(settings, groups) {
    this.settings = settings;
    this.groups = groups;
    this.controls = {};
  }

  get page() {
    return this.settings.page;
  }

  draw() {
    this.base = this.page; // what the form was filled from: a change is what differs from it
    const { controls } = this;
    const input = (name, attributes = {}) =>
      (controls[name] = h("input", { type: "text", value: stored(this.base, name), autocomplete: "off", ...attributes }));
    const area = (name, attributes) => (controls[name] = h("textarea", attributes, stored(this.base, name)));
    controls.audience = select(this.audiences(), this.base.audience);
    controls.locale = select({ ...(this.base.locale in LANGUAGES ? {} : { [this.base.locale]: this.base.locale }), ...LANGUAGES }, this.base.locale);
    this.meaning = h("p", { class: "muted", "aria-live": "polite" });
    this.colors = h("div", { class: "colors", "aria-live": "polite" });
    this.clash = h("div", { class: "clash", role: "alert", hidden: true });
    const picker = h("input", { type: "color", "aria-label": "Choose the brand colour", value: this.base.brand_color ?? "#2b5fd9" });
    this.element = h(
      "form", { class: "stack", novalidate: true },
      h("p", { class: "alert", role: "alert", hidden: true }),
      this.clash,
      h("h2", {}, "The page"),
      field("title", NAMES.title, input("title", { maxlength: 255, dir: "auto", required: true })),
      field("description", NAMES.description, area("description", { maxlength: 2000, rows: 3, dir: "auto" }), "A line or two under the title."),
      field("time_zone", NAMES.time_zone, input("time_zone", { list: "zones", spellcheck: "false" }), "Days of the bars and reports are days of this zone. Another one moves their borders, back to the first."),
      h("datalist", { id: "zones" }, Intl.supportedValuesOf("timeZone").map((name) => h("option", { value: name }))),
      field("locale", NAMES.locale, controls.locale, "For visitors who have not chosen one."),
      field("audience", NAMES.audience, controls.audience),
      this.meaning,
      h("h2", {}, "How downtime counts"),
      h("p", { class: "muted" }, "The share of a second that counts as down: 1 all of it, 0 none. It holds for the past too."),
      h("div", { class: "pair" }, Object.keys(WEIGHTS).map((name) =>
        field(`weights.${name}`, WEIGHTS[name], input(`weights.${name}`, { type: "number", min: 0, max: 1, step: 0.05, inputmode: "decimal" })))),
      h("h2", {}, "How it looks"),
      h("div", { class: "pairing" }, field("brand_color", NAMES.brand_color, input("brand_color", { maxlength: 7, placeholder: "#2b5fd9", spellcheck: "false" }), "For links and the focus ring. Empty: none."), picker),
      this.colors,
      field("custom_css", NAMES.custom_css, area("custom_css", { rows: 8, spellcheck: "false", class: "secret" }), "Loaded after the hub's own, up to 20 kB. It loads nothing: no @import, and no url() but url(\"data:image/…\")."),
      h("h2", {}, "Its own address"),
      field("custom_domain", NAMES.custom_domain, input("custom_domain", { placeholder: "status.example.com", spellcheck: "false", inputmode: "url" }), `Point it here by DNS (a CNAME to ${location.hostname}), and let your proxy pass it on with its Host header and a certificate for it.`),
      h("p", { class: "actions" }, h("button", { class: "main", type: "submit" }, "Save the settings")),
    );
    picker.addEventListener("input", () => { controls.brand_color.value = picker.value; this.tell(); });
    this.element.dataset.kept = "";
    this.element.addEventListener("input", () => { this.tell(); this.keep(); });
    this.element.addEventListener("submit", (event) => { event.preventDefault(); this.save(); });
    this.restore();
    this.tell();
    return this.element;
  }

  get key() {
    return `hub-draft:${this.page.slug}:settings`;
  }

  /** What differs from the stored page stays in the browser until it is saved, with what it was made from. */
  keep() {
    const typed = Object.entries(this.controls).filter(([name, control]) => control.value.trim() !== stored(this.base, name).trim());
    const values = Object.fromEntries(typed.map(([name, control]) => [name, { was: stored(this.base, name), mine: control.value }]));
    try {
      if (typed.length) localStorage.setItem(this.key, JSON.stringify(values));
      else localStorage.removeItem(this.key);
    } catch { /* storage is off or full */ }
  }

  restore() {
    let values = {};
    try { values = JSON.parse(localStorage.getItem(this.key)) ?? {}; } catch { /* unreadable: as if there were none */ }
    const clashing = [];
    for (const [name, { was, mine }] of Object.entries(values)) {
      if (!(name in this.controls)) continue;
      const is = stored(this.base, name);
      this.controls[name].value = mine;
      if (is !== was && is.trim() !== mine.trim()) clashing.push([name, is, mine]);
    }
    this.showClash(clashing);
  }

  audiences() {
    const groups = Object.fromEntries(this.groups.map((group) => [`group:${group.slug}`, `Members of ${group.name}`]));
    const { audience } = this.base;
    return { ...AUDIENCES, ...groups, ...(audience in AUDIENCES || audience in groups ? {} : { [audience]: audience }) };
  }

  /** What follows from what is typed. */
  tell() {
    const audience = this.controls.audience.value;
    this.meaning.textContent = MEANINGS[audience] ?? MEANINGS.group;
    const color = this.controls.brand_color.value.trim().toLowerCase();
    this.colors.replaceChildren(...(isColor(color) ? Object.entries(shades(color)).map(([name, of]) => this.swatch(name, of)) : []));
  }

  swatch(name, { ground, own, shade }) {
    const sample = h("span", { class: "sample" }, "A link");
    sample.style.setProperty("background", ground);
    sample.style.setProperty("color", shade);
    const ratio = `${own.toFixed(2)} : 1 on ${name}`;
    const words = own >= READABLE ? `${ratio}, shown as it is` : `${ratio}, too little to read: shown as ${shade}`;
    return h("p", { "data-shade": shade, "data-on": name }, sample, " ", words);
  }

  /** The fields that differ from what the form was filled from, as the API takes them; null when none does. */
  changes() {
    if (!this.element) return null;
    const body = {};
    for (const [name, control] of Object.entries(this.controls)) {
      const value = control.value.trim();
      if (value === stored(this.base, name).trim()) continue;
      if (name.startsWith("weights.")) (body.weights ??= {})[name.slice(8)] = value === "" ? null : Number(value);
      else body[name] = value === "" && OPTIONAL.has(name) ? null : value;
    }
    return Object.keys(body).length ? body : null;
  }

  /** The page is stored otherwise now: fields that nobody has touched follow, and the rest is a clash to be told. */
  take(page) {
    if (!this.element) return;
    const clashing = [];
    for (const [name, control] of Object.entries(this.controls)) {
      const [was, is, mine] = [stored(this.base, name), stored(page, name), control.value];
      if (mine.trim() === was.trim()) control.value = is;
      else if (was !== is && mine.trim() !== is.trim()) clashing.push([name, is, mine]);
    }
    this.base = page;
    this.tell();
    this.keep();
    this.showClash(clashing);
  }

  /** Both texts, side by side, and a choice for each: neither is lost. */
  showClash(clashing) {
    this.clash.hidden = clashing.length === 0;
    this.clash.replaceChildren(
      h("p", {}, "Somebody else has changed what you are changing. Yours is in the form; saving puts it in place of theirs."),
      ...clashing.map(([name, theirs, mine]) => {
        const take = h("button", { type: "button", onclick: () => {
          this.controls[name].value = theirs;
          row.remove();
          if (!this.clash.querySelector("[data-clash]")) this.clash.hidden = true;
          this.tell();
          this.keep();
          this.controls[name].focus();
        } }, "Take theirs");
        const row = h(
          "div", { "data-clash": name },
          h("p", {}, h("strong", {}, NAMES[name])),
          h("p", {}, "Theirs: ", h("bdi", { class: "theirs" }, theirs || "nothing")),
          h("p", {}, "Yours: ", h("bdi", { class: "mine" }, mine || "nothing")),
          h("p", { class: "actions" }, take),
        );
        return row;
      }),
    );
  }

  async save() {
    const changes = this.changes();
    if (!changes) {
      showErrors(this.element, null);
      return toast("Nothing is changed.");
    }
    return submit(this.element, async () => {
      try {
        const page = await api("PATCH", this.settings.path, { ...changes, version: this.base.version });
        this.clash.hidden = true;
        this.base = page;
        for (const [name, control] of Object.entries(this.controls)) control.value = stored(page, name);
        this.keep();
        this.settings.take(page, "The settings are saved.");
      } catch (error) {
        if (error.code !== "version_conflict") throw error;
        this.settings.take(error.data);
        if (this.clash.hidden) return this.saveAgain();
        this.clash.scrollIntoView({ block: "center" });
      }
      return null;
    });
  }

  /** The other has changed other fields: nothing is in the way. */
  async saveAgain() {
    const changes = this.changes();
    if (changes) this.settings.take(await api("PATCH", this.settings.path, { ...changes, version: this.base.version }), "The settings are saved.");
  }
}
