/** One page's people: who may operate it, and in which role; its machine keys; what was changed. */

import { showAudit } from "./audit.js";
import { field, select, submit, toast } from "./forms.js";
import { Keys } from "./console-keys.js";
import { h } from "./morph.js";
import { PAGE_ROLES } from "./people-words.js";
import { attempt, bdi, button, byId, enter, fill, isSure, row, trouble } from "./room.js";
import { api } from "./session.js";

class People {
  constructor(me, page) {
    this.me = me;
    this.page = page;
    this.names = new Map();
    this.path = `/pages/${encodeURIComponent(page.slug)}`;
    this.keys = new Keys(page, (words) => this.done(words));
  }

  async draw() {
    byId("add").replaceChildren(this.addForm());
    byId("new-key").replaceChildren(this.keys.form());
    await this.refresh();
  }

  async refresh() {
    await Promise.all([this.drawPeople(), this.keys.draw()]);
    await showAudit(byId("audit"), `${this.path}/audit`, new Map([...this.names, ...this.keys.names]));
  }

  async done(words) {
    toast(words);
    await this.refresh();
  }

  async drawPeople() {
    const people = await api("GET", `${this.path}/people`);
    this.names = new Map(people.map((person) => [person.id, person.email ?? ""]));
    fill("people", people.map((person) => this.personRow(person)));
  }

  personRow(person) {
    const name = person.email ?? "An account without address";
    const address = `${this.path}/people/${person.id}`;
    const isMe = person.id === this.me.id;
    const role = select(PAGE_ROLES, person.role);
    role.setAttribute("aria-label", `Role of ${name}`);
    role.addEventListener("change", () => attempt(async () => {
      await api("PATCH", address, { role: role.value });
      if (isMe && role.value !== "owner") return location.assign("/console");
      await this.done(`${name}: ${PAGE_ROLES[role.value]}`);
    }).then((isDone) => { if (!isDone) role.value = person.role; }));
    const transfer = person.role !== "owner" && button("Hand over", () => attempt(async () => {
      if (!(await isSure(`Hand the page over to ${name}?`, "That account will own the page, and you become an editor of it.", "Hand the page over"))) return;
      await api("POST", `${this.path}/transfer`, { account_id: person.id });
      if (!this.me.is_admin) return location.assign("/console");
      await this.done(`${name} owns the page now.`);
    }), { "aria-label": `Hand the page over to ${name}` });
    const remove = button(isMe ? "Leave" : "Remove", () => attempt(async () => {
      if (!(await isSure(isMe ? "Leave this page?" : `Remove ${name}?`, "What only operators see disappears at once, on open screens too.", isMe ? "Leave the page" : "Remove"))) return;
      await api("DELETE", address);
      if (isMe) return location.assign("/console");
      await this.done(`${name} has no role here any more.`);
    }), { "aria-label": isMe ? "Leave this page" : `Remove ${name}` });
    return row(bdi(name), [isMe && "you"], [role, transfer, remove]);
  }

  addForm() {
    const email = h("input", { type: "email", autocomplete: "off", required: true });
    const role = select(PAGE_ROLES, "editor");
    const form = h(
      "form", { class: "stack", novalidate: true },
      h("h3", {}, "Add somebody"),
      h("p", { class: "alert", role: "alert", hidden: true }),
      h("div", { class: "pair" }, field("email", "E-mail", email), field("role", "Role", role)),
      h("p", { class: "muted" }, "An owner decides about people, keys and the page itself; an editor tells visitors how things are; a viewer sees all of it and changes nothing."),
      h("p", { class: "actions" }, h("button", { class: "main", type: "submit" }, "Add")),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      submit(form, async () => {
        const person = await api("POST", `${this.path}/people`, { email: email.value.trim(), role: role.value });
        form.reset();
        await this.done(`${person.email}: ${PAGE_ROLES[person.role]}`);
      });
    });
    return form;
  }
}

await enter(async (me) => {
  const pages = await api("GET", "/pages");
  const own = pages.filter((page) => me.is_admin || me.roles[page.id] === "owner");
  if (!own.length) {
    byId("content").replaceChildren();
    return trouble({ message: "There is no page that you own. Its owners decide who may operate it." });
  }
  const asked = new URLSearchParams(location.search).get("page");
  const page = own.find((other) => other.slug === asked) ?? own[0];
  const chooser = byId("chooser");
  chooser.replaceChildren(...own.map((other) => h("option", { value: other.slug, selected: other === page }, other.title)));
  chooser.addEventListener("change", () => location.assign(`/console/people?page=${encodeURIComponent(chooser.value)}`));
  byId("choice").hidden = false;
  document.title = `${page.title} · People and keys`;
  await new People(me, page).draw();
});
