/** Sign in, and go on to where one was going. */

import { byId, carry, homeOf, onSubmit, onward, post } from "./doors.js";
import { api, noteSession, sessionAccount } from "./session.js";

const form = byId("login");
const next = onward(form);

async function goOn() {
  location.replace(next ?? homeOf(await api("GET", "/me")));
}

carry(next);
onSubmit(form, async (values) => {
  try {
    noteSession(await post("/auth/login", values));
  } catch (error) {
    if (error.status === 401) form.elements.password.select();
    throw error;
  }
  await goOn();
});

// Whoever still has a session is let through at once.
if (sessionAccount()) await goOn().catch(() => null);
