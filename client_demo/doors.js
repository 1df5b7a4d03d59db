/** What sign-in, registration and links in mails share: where to go on afterwards, and forms that are sent once. */

import { isFilled, submit } from "./forms.js";
import { api } from "./session.js";

export const byId = (id) => document.getElementById(id);

/** `text` if it is a path of this hub, else null: nobody is forwarded to other sites. */
export function localPath(text) {
  if (!text.startsWith("/") || /^\/[/\\]/.test(text)) return null;
  return new URL(text, location.origin).origin === location.origin ? text : null;
}

/**
 * Where `form` leads on to, null for nowhere in particular. In the fragment stands what the server must not be told in a
 * query: the address of an invitation.
 */
export const onward = (form) => localPath(location.hash.slice(1)) ?? localPath(form.dataset.next) ?? null;

/** Carry on `path` in every link between the doors. */
export function carry(path) {
  for (const link of document.querySelectorAll("a[data-onward]")) if (path) link.hash = path;
}

/** Where somebody is at home: who operates a page in the console, everybody else among the pages. */
export const homeOf = (me) => (me.is_admin || Object.keys(me.roles).length ? "/console" : "/");

/** Do `work(values)` when the form is sent; what is missing, and what the hub refuses, is told at the fields. */
export function onSubmit(form, work) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!isFilled(form)) return;
    const values = Object.fromEntries(new FormData(form));
    if (values.email) values.email = values.email.trim();
    await submit(form, () => work(values));
  });
}

/** In place of `form`, `done`; read to whoever listens. */
export function finish(form, done) {
  form.hidden = true;
  done.hidden = false;
  byId("heading").focus();
}

export const post = (path, body) => api("POST", path, body);
