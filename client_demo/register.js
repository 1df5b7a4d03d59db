/** Make an account. What is said afterwards is the same whether the address had one already. */

import { byId, carry, finish, onSubmit, onward, post } from "./doors.js";
import { _ } from "./messages.js";
import { noteSession } from "./session.js";

const form = byId("register");
const next = onward(form);

carry(next);
onSubmit(form, async (values) => {
  await post("/auth/register", values);
  const grant = await post("/auth/login", values).catch(() => null);
  if (grant) noteSession(grant);
  byId("heading").textContent = _("Look into your mailbox");
  byId("address").textContent = values.email;
  byId("onward").href = next ?? "/";
  byId("other").hidden = grant !== null;
  finish(form, byId("done"));
});
