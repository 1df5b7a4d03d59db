/** The groups that one is in, or all for an admin of the hub; and making one. */

import { field, submit } from "./forms.js";
import { h } from "./morph.js";
import { all, bdi, byId, enter, fill, row } from "./room.js";
import { api } from "./session.js";
import { ROLES, slugOf } from "./people-words.js";

async function show() {
  const found = await all("/groups");
  fill("groups", found.map((group) => row(
    h("a", { href: `/console/groups/${encodeURIComponent(group.slug)}` }, bdi(group.name)),
    [h("code", {}, `group:${group.slug}`), ROLES[group.role]],
  )), "none");
}

function makeForm() {
  const name = h("input", { type: "text", required: true, autocomplete: "off", maxlength: 255, dir: "auto" });
  const slug = h("input", { type: "text", required: true, autocomplete: "off", maxlength: 63, spellcheck: "false" });
  const form = h(
    "form", { class: "stack", novalidate: true },
    h("p", { class: "alert", role: "alert", hidden: true }),
    field("name", "Name", name),
    field("slug", "Short name", slug, "Small letters, digits and hyphens; it never changes. Audiences name the group by it."),
    h("p", { class: "actions" }, h("button", { class: "main", type: "submit" }, "Make the group")),
  );
  let isOwn = false;
  slug.addEventListener("input", () => { isOwn = slug.value !== ""; });
  name.addEventListener("input", () => { if (!isOwn) slug.value = slugOf(name.value); });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(form, async () => {
      const made = await api("POST", "/groups", { name: name.value.trim(), slug: slug.value.trim() });
      location.assign(`/console/groups/${encodeURIComponent(made.slug)}`);
    });
  });
  return form;
}

await enter(async (me) => {
  await show();
  byId("form").replaceChildren(me.is_verified ? makeForm() : h("p", { class: "muted" }, "Making a group needs a confirmed e-mail address: ", h("a", { href: "/account" }, "your account"), "."));
  byId("new").hidden = false;
});
