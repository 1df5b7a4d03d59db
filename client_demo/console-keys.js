/** Machine keys of one page: made, shown once, revoked. */

import { check, field, select, submit } from "./forms.js";
import { h } from "./morph.js";
import { KEY_LASTS, SCOPES } from "./people-words.js";
import { attempt, bdi, button, byId, fill, isSure, moment, row, secret, when } from "./room.js";
import { api } from "./session.js";

export class Keys {
  /** `done(words)`: something has changed. */
  constructor(page, done) {
    this.page = page;
    this.done = done;
    this.names = new Map();
  }

  async draw() {
    const keys = (await api("GET", "/keys")).filter((key) => key.pages.includes(this.page.slug));
    this.names = new Map(keys.map((key) => [key.id, key.name]));
    fill("keys", keys.map((key) => this.keyRow(key)), "no-keys");
  }

  keyRow(key) {
    const others = key.pages.filter((slug) => slug !== this.page.slug);
    const revoke = button("Revoke", () => attempt(async () => {
      if (!(await isSure(`Revoke “${key.name}”?`, "Whatever uses it is refused from now on.", "Revoke the key"))) return;
      await api("DELETE", `/keys/${key.id}`);
      byId("key").replaceChildren();
      await this.done("The key is revoked.");
    }), { "aria-label": `Revoke ${key.name}` });
    return row(
      bdi(key.name),
      [
        key.scopes.map((scope, index) => [index > 0 && " ", h("code", {}, scope)]).flat().filter(Boolean),
        others.length > 0 && `also for ${others.join(", ")}`,
        key.last_used_at ? ["last used ", when(key.last_used_at)] : "never used",
        key.expires_at && ["ends ", moment(key.expires_at)],
      ],
      [revoke],
    );
  }

  form() {
    const name = h("input", { type: "text", required: true, maxlength: 255, autocomplete: "off", dir: "auto" });
    const lasts = select(KEY_LASTS, "");
    const scopes = Object.entries(SCOPES).map(([scope, words]) => check(scope, h("span", {}, words, " ", h("code", {}, scope)), scope === "read"));
    const form = h(
      "form", { class: "stack", novalidate: true },
      h("h3", {}, "New key"),
      h("p", { class: "alert", role: "alert", hidden: true }),
      h("div", { class: "pair" }, field("name", "What it is for", name), field("expires_in_s", "It works", lasts)),
      h("fieldset", { class: "field", "data-field": "scopes" }, h("legend", {}, "What it may do"), scopes, h("p", { class: "error", hidden: true })),
      h("p", { class: "actions" }, h("button", { class: "main", type: "submit" }, "Make the key")),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const chosen = [...form.querySelectorAll("input[type=checkbox]:checked")].map((box) => box.name);
      const life = lasts.value ? { expires_in_s: Number(lasts.value) } : {};
      submit(form, async () => {
        const made = await api("POST", "/keys", { name: name.value.trim(), pages: [this.page.slug], scopes: chosen, ...life });
        form.reset();
        byId("key").replaceChildren(secret(`The key “${made.name}”. Keep it now: it is shown here and never again.`, made.key));
        byId("key").scrollIntoView({ block: "center" });
        await this.done("The key is made.");
      });
    });
    return form;
  }
}
