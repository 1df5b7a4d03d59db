/** Around the links that the hub mails: asking for one, and using it. Nothing is used up before a button is pressed. */

import { byId, finish, onSubmit, post } from "./doors.js";
import { showErrors } from "./forms.js";
import { _ } from "./messages.js";
import { forgetSession } from "./session.js";

const form = document.querySelector("form");
const done = byId("done");
const token = location.hash.slice(1);

const uses = {
  async verify() {
    const account = await post("/auth/verify", { token });
    byId("said").replaceChildren(_("{address} is confirmed.", { address: account.email }));
  },
  async forgot({ email }) {
    await post("/auth/forgot", { email });
    byId("said").textContent = email;
  },
  async reset({ new_password }) {
    await post("/auth/reset", { token, new_password });
    forgetSession();
  },
};

if (form.id !== "forgot" && !token) {
  showErrors(form, { message: _("This link is not complete. Open it again from the mail, whole.") });
  for (const control of form.querySelectorAll("input, button")) control.disabled = true;
}

onSubmit(form, async (values) => {
  try {
    await uses[form.id](values);
  } catch (error) {
    if (error.fields?.token) error.fields = null;
    throw error;
  }
  history.replaceState(null, "", location.pathname); // the token stays nowhere
  finish(form, done);
});
