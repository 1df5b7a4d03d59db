/** One page's settings: what it is called, how it looks, where it is, and the page as a file. Live: others edit it too. */

import { HubClient } from "./client.js";
import { SettingsForm } from "./console-settings-form.js";
import { Transfer } from "./console-transfer.js";
import { field, submit, toast } from "./forms.js";
import { h } from "./morph.js";
import { attempt, bdi, byId, enter, trouble } from "./room.js";
import { api, credential } from "./session.js";

class Settings {
  constructor(me, page, groups) {
    this.me = me;
    this.page = page;
    this.path = `/pages/${encodeURIComponent(page.slug)}`;
    this.isOwner = me.is_admin || me.roles[page.id] === "owner";
    this.form = new SettingsForm(this, groups);
    this.transfer = new Transfer(this);
  }

  draw() {
    document.title = `${this.page.title} · Settings`;
    byId("settings-form").replaceChildren(this.form.draw());
    byId("pane-logo").replaceChildren(...this.logo());
    for (const id of ["pane-transfer", "pane-end"]) byId(id).hidden = !this.isOwner;
    if (!this.isOwner) return;
    byId("transfer").replaceChildren(...this.transfer.draw());
    byId("end").replaceChildren(this.endForm());
  }

  /** The page as it is now stored; the form takes it up unless somebody is typing in it. */
  take(page, words) {
    this.page = page;
    document.title = `${page.title} · Settings`;
    byId("pane-logo").replaceChildren(...this.logo());
    this.form.take(page);
    if (words) toast(words);
  }

  /** Somebody has changed the page: show it, or say so where it would overwrite what is being typed. */
  async follow(shown) {
    if (shown.version === this.page.version) return;
    const fresh = await api("GET", this.path);
    if (fresh.version === this.page.version) return;
    const isTyping = this.form.changes() !== null;
    this.take(fresh, isTyping ? null : "Somebody else changed the settings: here they are.");
  }

  logo() {
    const { page } = this;
    const choose = h("input", { type: "file", accept: "image/png,image/jpeg,image/gif,image/webp,image/svg+xml" });
    const form = h(
      "form", { class: "stack", novalidate: true },
      h("p", { class: "alert", role: "alert", hidden: true }),
      page.logo_url && h("p", { class: "logo-shown" }, h("img", { src: page.logo_url, alt: `Logo of ${page.title}`, height: 40 })),
      field("logo", "Logo", choose, "PNG, JPEG, GIF or WebP, or an SVG that only paints; up to 200 kB. It is shown 40 pixels high."),
      page.logo_url && h("p", { class: "actions" }, h("button", { type: "button", onclick: () => attempt(async () => {
        this.take(await api("DELETE", `${this.path}/files/logo`), "The logo is gone: the title stands there again.");
      }) }, "Remove the logo")),
    );
    choose.addEventListener("change", () => {
      const [file] = choose.files;
      if (!file) return;
      submit(form, async () => this.take(await api("PUT", `${this.path}/files/logo`, file), "The logo is shown."));
    });
    return [form];
  }

  endForm() {
    const typed = h("input", { type: "text", autocomplete: "off", spellcheck: "false" });
    const form = h(
      "form", { class: "stack", novalidate: true },
      h("p", {}, "The page goes with its incidents, its history and its links, at once and for good. Export it first if it may be needed again."),
      h("p", { class: "alert", role: "alert", hidden: true }),
      field("slug", `Type ${this.page.slug} to delete it`, typed),
      h("p", { class: "actions" }, h("button", { class: "danger", type: "submit" }, "Delete this page")),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      submit(form, async () => {
        if (typed.value.trim() !== this.page.slug) {
          throw Object.assign(new Error(), { status: 422, fields: { slug: `This is not the page's name: it is ${this.page.slug}.` } });
        }
        await api("DELETE", this.path);
        location.assign("/console");
      });
    });
    return form;
  }
}

function listen(settings, snapshot) {
  const client = new HubClient({ slug: settings.page.slug, snapshot, credential });
  const leave = () => {
    client.stop();
    byId("content").replaceChildren(h("p", { class: "empty" }, "This page is no longer yours to edit. ", h("a", { href: "/console" }, "To the console")));
  };
  client.addEventListener("change", ({ detail }) => {
    if (!detail.snapshot.channel?.endsWith("@all")) return leave();
    attempt(() => settings.follow(detail.snapshot.page));
  });
  client.addEventListener("refused", leave);
  client.start();
  globalThis.statusHub = { client, settings }; // for the curious, and for tests
}

await enter(async (me) => {
  const pages = await api("GET", "/pages");
  const own = pages.filter((page) => me.is_admin || ["owner", "editor"].includes(me.roles[page.id]));
  if (!own.length) {
    byId("content").replaceChildren();
    return trouble({ message: "There is no page that you may edit. An owner of one can give you a role." });
  }
  const asked = new URLSearchParams(location.search).get("page");
  const { slug } = own.find((other) => other.slug === asked) ?? own[0];
  const chooser = byId("chooser");
  chooser.replaceChildren(...own.map((other) => h("option", { value: other.slug, selected: other.slug === slug }, other.title)));
  chooser.addEventListener("change", () => location.assign(`/console/settings?page=${encodeURIComponent(chooser.value)}`));
  byId("choice").hidden = false;
  byId("shown").replaceChildren(h("a", { href: `/p/${slug}` }, "/p/", bdi(slug)));
  const path = `/pages/${encodeURIComponent(slug)}`;
  const [snapshot, page, groups] = await Promise.all([api("GET", `${path}/snapshot`), api("GET", path), api("GET", "/groups")]);
  const settings = new Settings(me, page, groups);
  settings.draw();
  listen(settings, snapshot);
});
