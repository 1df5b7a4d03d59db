/** One's own account: its address, password, sign-ins and groups, and its end. */

import { onSubmit } from "./doors.js";
import { toast } from "./forms.js";
import { ROLES } from "./people-words.js";
import { all, attempt, bdi, button, byId, enter, fill, isSure, moment, row, when } from "./room.js";
import { api, forgetSession, noteSession } from "./session.js";

function showAddress(me) {
  byId("address").textContent = me.email ?? "none";
  byId("proven").textContent = me.is_verified ? "confirmed" : "not confirmed yet";
  byId("proven").className = me.is_verified ? "tag good" : "tag";
  byId("unproven").hidden = me.is_verified;
}

async function showSessions() {
  const found = await api("GET", "/me/sessions");
  const shown = [...found].sort((a, b) => b.is_current - a.is_current);
  fill("sessions", shown.map((session) => {
    const facts = [
      session.is_current ? "this browser" : null,
      session.address ? bdi(session.address) : null,
      ["last used ", when(session.last_used_at)], ["since ", moment(session.created_at)],
    ];
    const end = button("Sign out", () => attempt(async () => {
      await api("DELETE", `/me/sessions/${session.id}`);
      if (session.is_current) return leave("/login");
      await showSessions();
      toast(`${session.device}: signed out`);
    }), { "aria-label": `Sign out ${session.is_current ? "this browser" : session.device}` });
    return row(bdi(session.device), facts, [end]);
  }));
}

async function showGroups(me) {
  const found = (await all("/groups")).filter((group) => group.role);
  fill("groups", found.map((group) => {
    const leaveIt = button("Leave", () => attempt(async () => {
      if (!(await isSure(`Leave “${group.name}”?`, "What is shown to its members only disappears for you at once.", "Leave the group"))) return;
      await api("DELETE", `/groups/${group.slug}/members/${me.id}`);
      await showGroups(me);
    }), { "aria-label": `Leave ${group.name}` });
    return row(bdi(group.name), [ROLES[group.role]], [leaveIt]);
  }), "no-groups");
}

function leave(path) {
  forgetSession();
  location.assign(path);
}

/** Close the fold that a form stands in, empty. */
function close(form) {
  form.reset();
  form.closest("details").open = false;
}

await enter(async (me) => {
  showAddress(me);
  byId("send-again").addEventListener("click", () => attempt(async () => {
    await api("POST", "/me/verification");
    toast(`A mail is on its way to ${me.email}.`);
  }));
  const forms = {
    "change-email": async (values, form) => {
      await api("POST", "/me/email", values);
      close(form);
      showAddress(await api("GET", "/me"));
      toast(`A mail is on its way to ${values.email}. The address changes when its link is opened.`);
    },
    "change-password": async (values, form) => {
      noteSession(await api("POST", "/me/password", values));
      close(form);
      await showSessions();
      toast("The password is changed.");
    },
    "delete-account": async (values) => {
      if (!(await isSure("Delete the account for good?", "This cannot be undone.", "Delete the account"))) return;
      await api("DELETE", "/me", values);
      leave("/");
    },
  };
  for (const [id, work] of Object.entries(forms)) onSubmit(byId(id), (values) => work(values, byId(id)));
  byId("sign-out-everywhere").addEventListener("click", () => attempt(async () => {
    if (!(await isSure("Sign out everywhere?", "Every browser and program that is signed in with this account, and this one too.", "Sign out everywhere"))) return;
    await api("DELETE", "/me/sessions");
    leave("/login");
  }));
  await Promise.all([showSessions(), showGroups(me).catch(() => null)]);
});
