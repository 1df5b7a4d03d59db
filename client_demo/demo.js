/** The smallest useful program over `HubClient`: a list of components and a log of events. */

import { HubClient } from "./client.js";
import { h } from "./morph.js";
import { STATUS_WORDS } from "./words.js";
import { status } from "./view.js";

const byId = (id) => document.getElementById(id);
const client = new HubClient({ slug: document.body.dataset.slug });

client.addEventListener("state", ({ detail }) => { byId("state").textContent = detail.state; });
client.addEventListener("change", ({ detail: { snapshot, event } }) => {
  const row = (c) => h("li", { class: "entry component" }, h("div", { class: "line" }, h("span", { class: "name", dir: "auto" }, c.name), status(c.status)));
  byId("components").replaceChildren(...snapshot.components.filter((c) => c.status in STATUS_WORDS).map(row));
  byId("log").prepend(h("li", {}, event ? `${snapshot.offset} ${event.type}` : `${snapshot.offset} snapshot`));
});
client.start();
