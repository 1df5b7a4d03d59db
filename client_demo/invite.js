/** An invitation: shown to whoever has the link, told to the hub only when its button is pressed. */

import { byId, finish, onSubmit, post } from "./doors.js";
import { _ } from "./messages.js";
import { api, forgetSession, sessionAccount, watchSession } from "./session.js";

const form = byId("accept");
// One answer for all of these, so that nobody learns anything by trying.
const REFUSED = _("This invitation cannot be accepted. It may have ended or been used up, or it was sent to an address that your account has not confirmed. Whoever invited you can send a new one.");
const token = decodeURIComponent(location.pathname.split("/").pop());

async function show() {
  const me = sessionAccount() && (await api("GET", "/me").catch(() => null));
  form.hidden = !me;
  byId("stranger").hidden = Boolean(me);
  if (me) byId("who").textContent = me.email;
  // In the fragment, which the hub is not told: its address is the invitation.
  for (const id of ["to-login", "to-register"]) byId(id).hash = location.pathname;
}

onSubmit(form, async () => {
  const group = await post("/invitations/accept", { token }).catch((error) => {
    if (error.status === 404) error.message = REFUSED;
    throw error;
  });
  byId("heading").textContent = _("You are a member");
  byId("words").hidden = true;
  const [before, after] = _("You belong to {group} now.").split("{group}");
  byId("said").replaceChildren(before, Object.assign(document.createElement("bdi"), { textContent: group.name }), after);
  finish(form, byId("done"));
});

byId("sign-out").addEventListener("click", async () => {
  await post("/auth/logout").catch(() => null);
  forgetSession();
  await show();
});

watchSession(() => {
  if (byId("done").hidden) show();
});
await show();
