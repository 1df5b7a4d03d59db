/** Adding, changing and taking away components and groups. */

import { ask, check, field, select, toast } from "./forms.js";
import { audienceSelect, audienceWords } from "./console-pickers.js";
import { saveOver, sheet, toastSaved } from "./console-sheet.js";
import { h } from "./morph.js";
import { api } from "./session.js";

const NAMES = {
  name: "Name", description: "Description", group_id: "Group", audience: "Who sees it", showcase: "Show its bars", only_show_if_degraded: "Show it only in trouble",
  start_date: "In service since",
};

const groupName = (desk, id) => desk.snapshot.groups.find((group) => group.id === id)?.name ?? "none";

function componentParts(desk, c) {
  const control = {
    name: h("input", { maxlength: "255", value: c.name, dir: "auto" }),
    description: h("textarea", { rows: "2", maxlength: "2000", dir: "auto" }, c.description ?? ""),
    group_id: select({ "": "none", ...Object.fromEntries(desk.snapshot.groups.map((group) => [group.id, group.name])) }, c.group_id ?? ""),
    audience: audienceSelect(desk, c.audience),
    start_date: h("input", { type: "date", value: c.start_date ?? "" }),
  };
  const showcase = check("showcase", "Show its ninety bars", c.showcase);
  const quiet = check("only_show_if_degraded", "Show it only while it is in trouble", c.only_show_if_degraded);
  const parts = [
    field("name", NAMES.name, control.name), field("description", NAMES.description, control.description, "Visitors see it under the name."),
    field("group_id", NAMES.group_id, control.group_id), field("audience", NAMES.audience, control.audience, "For all others it is not there, in no output, and incidents do not name it."),
    field("start_date", NAMES.start_date, control.start_date, `A day of ${desk.zone.name}. Before it there is no data, and nothing counts. Empty: since it was added.`),
    h("div", { class: "field" }, showcase, quiet),
  ];
  const read = () => ({
    name: control.name.value.trim(), description: control.description.value.trim() || null, group_id: control.group_id.value || null,
    audience: control.audience.value || null, start_date: control.start_date.value || null,
    showcase: showcase.querySelector("input").checked, only_show_if_degraded: quiet.querySelector("input").checked,
  });
  return { parts, read };
}

export async function addComponent(desk) {
  const { parts, read } = componentParts(desk, { name: "", description: "", group_id: null, audience: null, start_date: null, showcase: true, only_show_if_degraded: false });
  let made;
  await sheet({
    title: "Add a component", answer: "Add", draft: `${desk.slug}:new-component`, parts,
    work: async () => { made = await api("POST", `/pages/${desk.slug}/components`, read()); },
  });
  if (made) toast("The component is on the page", () => takeAway(`/pages/${desk.slug}/components/${made.id}`, made));
}

/** Undo of an addition: what nobody has touched since goes again. */
const takeAway = (path, { name, version }) =>
  api("DELETE", path, undefined, { "If-Match": `"${version}"` }).then(
    () => toast(`Gone again: ${name}`),
    (error) => toast(error.status === 409 ? `${name} was changed since; nothing was undone.` : error.message),
  );

const leave = (button) => button.closest("dialog").dispatchEvent(new Event("finish"));

export async function editComponent(desk, c) {
  if (!c) return;
  const path = `/pages/${desk.slug}/components/${c.id}`;
  const { parts, read } = componentParts(desk, c);
  const shown = (name, value) => {
    if (name === "group_id") return groupName(desk, value);
    if (name === "audience") return audienceWords(desk, value ?? desk.snapshot.page.audience);
    return { true: "yes", false: "no" }[value] ?? value ?? "none";
  };
  const drop = h("button", { type: "button", class: "quiet", onclick: async () => { if (await removeComponent(desk, c, path)) leave(drop); } }, "Delete the component");
  let wanted;
  let stored = null;
  const isSaved = await sheet({
    title: `Edit ${c.name}`, answer: "Save", draft: `${desk.slug}:component:${c.id}`, parts, others: [drop],
    work: async () => {
      wanted = read();
      stored = await saveOver({ path, base: c, wanted, names: NAMES, shown });
      return stored !== false;
    },
  });
  if (isSaved && stored) toastSaved(`Saved: ${stored.name}`, { path, base: c, stored, wanted });
}

async function removeComponent(desk, c, path) {
  const answer = await ask(
    `Delete “${c.name}”?`,
    [
      h("p", {}, "Visitors no longer see it, and it counts in no figure from now on. It cannot be had back."),
      h("p", {}, "What it was part of stays: old incidents go on naming it, and past reports keep its figures."),
    ],
    [["stop", "Keep it"], ["delete", "Delete it"]],
  );
  if (answer !== "delete") return false;
  return api("DELETE", path, undefined, { "If-Match": `"${desk.component(c.id)?.version ?? c.version}"` }).then(
    () => { toast(`Deleted: ${c.name}`); return true; },
    (error) => { toast(error.message); return false; },
  );
}

function groupParts(group) {
  const name = h("input", { maxlength: "255", value: group.name, dir: "auto" });
  const description = h("textarea", { rows: "2", maxlength: "2000", dir: "auto" }, group.description ?? "");
  return { parts: [field("name", "Name", name), field("description", "Description", description)], read: () => ({ name: name.value.trim(), description: description.value.trim() || null }) };
}

export async function addGroup(desk) {
  const { parts, read } = groupParts({ name: "", description: "" });
  let made;
  await sheet({
    title: "Add a group", answer: "Add", draft: `${desk.slug}:new-group`, parts: [...parts, h("p", { class: "hint" }, "Visitors see it once there is a component in it.")],
    work: async () => { made = await api("POST", `/pages/${desk.slug}/groups`, read()); },
  });
  if (made) toast("The group is there: move components into it, or add some", () => takeAway(`/pages/${desk.slug}/groups/${made.id}`, made));
}

export async function editGroup(desk, group) {
  if (!group) return;
  const path = `/pages/${desk.slug}/groups/${group.id}`;
  const { parts, read } = groupParts(group);
  const drop = h("button", { type: "button", class: "quiet", onclick: async () => {
    const answer = await ask(`Delete the group “${group.name}”?`, [h("p", {}, "Its components stay on the page, in no group.")], [["stop", "Keep it"], ["delete", "Delete it"]]);
    if (answer !== "delete") return;
    await api("DELETE", path).then(() => { toast(`Deleted: ${group.name}`); leave(drop); }, (error) => toast(error.message));
  } }, "Delete the group");
  let wanted;
  let stored = null;
  const isSaved = await sheet({
    title: `Edit ${group.name}`, answer: "Save", draft: `${desk.slug}:group:${group.id}`, parts, others: [drop],
    work: async () => {
      wanted = read();
      stored = await saveOver({ path, base: group, wanted, names: NAMES });
      return stored !== false;
    },
  });
  if (isSaved && stored) toastSaved(`Saved: ${stored.name}`, { path, base: group, stored, wanted });
}
