/** What the hub would have mailed, had it a mail server: for admins of a hub without one. */

import { h } from "./morph.js";
import { bdi, byId, enter, moment, trouble } from "./room.js";
import { api } from "./session.js";

/** The text with its links to click; nothing else in it becomes an element. */
function body(text) {
  const parts = text.split(/(https?:\/\/[^\s]+)/);
  return h("p", { class: "letter", dir: "auto" }, parts.map((part, index) => (index % 2 ? h("a", { href: part, rel: "noreferrer" }, part) : part)));
}

const mail = (m) =>
  h("article", { class: "card" }, h("header", {}, h("h2", { dir: "auto" }, m.subject), h("p", { class: "facts" }, h("span", {}, "to ", bdi(m.recipient)), h("span", {}, moment(m.at)))), body(m.body));

await enter(async () => {
  const found = await api("GET", "/mails").catch((error) => {
    if (error.status !== 404) throw error;
    return null;
  });
  if (!found) return trouble({ message: "Mails of this hub go through its mail server; none are kept here. Or you are not an admin of it." });
  byId("words").hidden = false;
  byId("mails").replaceChildren(...found.map(mail));
  byId("none").hidden = found.length > 0;
});
