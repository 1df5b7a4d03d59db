/** What sign-in, registration and links in mails share: where to go on afterwards, and forms that are sent once. */

import { isFilled, submit } from "./forms.js";
import { _ } from "./messages.js";
import { api } from "./session.js";

export const byId = (id) => document.getElementById(id);

// What the hub may say to somebody at a door, in his language.
const SAID = {
  "The e-mail address or the password is wrong.": _("The e-mail address or the password is wrong."),
  "This link does not work any more; ask for a new one.": _("This link does not work any more; ask for a new one."),
  "A part the hub needs is away for a moment; try again.": _("A part the hub needs is away for a moment; try again."),
  "The hub did not answer. Try again in a moment.": _("The hub did not answer. Try again in a moment."),
  "must be an e-mail address": _("must be an e-mail address"),
  "must have 8 to 256 characters": _("must have 8 to 256 characters"),
};

function translated(error) {
  error.message = SAID[error.message] ?? error.message;
  for (const [name, text] of Object.entries(error.fields ?? {})) error.fields[name] = SAID[text] ?? text;
  throw error;
}

// In the fragment stands what only the browser knows: it goes along into another language.
for (const link of document.querySelectorAll(".languages a")) link.hash = location.hash;

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
    await submit(form, () => work(values).catch(translated));
  });
}

/** In place of `form`, `done`; read to whoever listens. */
export function finish(form, done) {
  form.hidden = true;
  done.hidden = false;
  byId("heading").focus();
}

export const post = (path, body) => api("POST", path, body);
