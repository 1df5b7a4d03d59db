/** Who is looking: the corner of the header that says so, and what stays when the page is not for him any more. */

import { _ } from "./messages.js";
import { h } from "./morph.js";
import { api } from "./session.js";

/** Say in the header that `account` is signed in, or offer to sign in. */
export async function showVisitor(account) {
  const root = document.documentElement;
  if ((root.dataset.account || null) === account) return;
  root.dataset.account = account ?? "";
  const corner = document.getElementById("visitor");
  const me = account && (await api("GET", "/me").catch(() => null));
  if ((root.dataset.account || null) !== account) return; // it has changed meanwhile
  const here = encodeURIComponent(location.pathname);
  corner.replaceChildren(
    me ? h("a", { class: "who", href: "/account" }, h("bdi", {}, me.email ?? _("Account"))) : h("a", { href: `/login?next=${here}` }, _("Sign in")),
  );
}

/** Leave nothing but what stands at an address where nothing is. */
export function vanish() {
  const gone = document.getElementById("gone");
  const { tone, heading } = gone.dataset;
  document.title = heading;
  for (const told of document.head.querySelectorAll("meta[name=description], link[rel=alternate], #page-style")) told.remove();
  document.getElementById("favicon").href = tone;
  document.body.removeAttribute("class");
  for (const name of Object.keys(document.body.dataset)) delete document.body.dataset[name];
  document.body.replaceChildren(gone.content.cloneNode(true));
  document.getElementById("main").focus();
}
