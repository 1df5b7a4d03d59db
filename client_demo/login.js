/** Sign in or register: one form, errors next to the field they are about. */

import { api, noteSession, refresh } from "./session.js";

const form = document.getElementById("sign-in");
const problem = document.getElementById("problem");
const button = form.querySelector("button");
const { action, next } = form.dataset;
const isNew = action.endsWith("/register");

function show(fields = {}, message = "") {
  for (const name of ["email", "password"]) {
    const error = document.getElementById(`${name}-error`);
    error.textContent = fields[name] ?? "";
    error.hidden = !fields[name];
    form.elements[name].toggleAttribute("aria-invalid", false);
    if (fields[name]) form.elements[name].setAttribute("aria-invalid", "true");
  }
  problem.textContent = message;
  problem.hidden = !message;
  const first = ["email", "password"].find((name) => fields[name]);
  if (first) form.elements[first].focus();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = { email: form.elements.email.value.trim(), password: form.elements.password.value };
  const missing = {};
  if (!body.email) missing.email = "Enter your e-mail address.";
  if (!body.password) missing.password = "Enter a password.";
  if (Object.keys(missing).length) return show(missing);
  show();
  button.disabled = true;
  try {
    await api("POST", action.replace("/api/v1", ""), body);
    if (isNew) await api("POST", "/auth/login", body);
    noteSession(true);
    location.assign(next);
  } catch (error) {
    show(error.fields ?? {}, error.fields ? "" : error.message);
    button.disabled = false;
    if (!error.fields) form.elements.password.select();
  }
});

// Whoever still has a session is let through at once.
if (!isNew && (await refresh())) location.replace(next);
