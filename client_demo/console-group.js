/** One group: who is in it, who is invited, and how it is called. */

import { showAudit } from "./audit.js";
import { field, select, submit, toast } from "./forms.js";
import { h } from "./morph.js";
import { INVITATION_STATES, LASTS, ROLES } from "./people-words.js";
import { all, attempt, bdi, button, byId, enter, fill, isSure, moment, row, secret, trouble, when } from "./room.js";
import { api } from "./session.js";

const slug = decodeURIComponent(location.pathname.split("/").pop());
const path = `/groups/${encodeURIComponent(slug)}`;

class Group {
  constructor(me, group) {
    this.me = me;
    this.group = group;
    this.names = new Map(); // ids of accounts and invitations → what to call them
    this.isOwner = me.is_admin || group.role === "owner";
    this.isManager = this.isOwner || group.role === "admin";
  }

  async draw() {
    byId("heading").textContent = this.group.name;
    document.title = `${this.group.name} · Status Hub`;
    if (!this.isManager) {
      // A plain member learns that he is in, and can leave.
      return fill("members", [row(bdi(this.me.email), ["you", ROLES[this.group.role]], [this.leaveButton()])]);
    }
    for (const pane of ["pane-invite", "pane-invitations", "pane-group", "pane-audit"]) byId(pane).hidden = false;
    byId("invite").replaceChildren(this.inviteForm());
    byId("settings").replaceChildren(...this.settings());
    await this.refresh();
  }

  async refresh() {
    await Promise.all([this.drawMembers(), this.drawInvitations()]);
    await showAudit(byId("audit"), `${path}/audit`, this.names);
  }

  /** After a change: its words, then all that may have changed with it. */
  async done(words) {
    toast(words);
    await this.refresh();
  }

  async drawMembers() {
    const members = await all(`${path}/members`);
    for (const member of members) this.names.set(member.id, member.email ?? "");
    fill("members", members.map((member) => this.memberRow(member)));
  }

  memberRow(member) {
    const name = member.email ?? "An account without address";
    if (member.id === this.me.id) {
      return row(bdi(name), ["you", ROLES[member.role], ["since ", moment(member.joined_at)]], [this.leaveButton()]);
    }
    const role = this.isOwner && select(ROLES, member.role);
    role?.setAttribute("aria-label", `Role of ${name}`);
    role?.addEventListener("change", () => attempt(async () => {
      await api("PATCH", `${path}/members/${member.id}`, { role: role.value });
      await this.done(`${name}: ${ROLES[role.value]}`);
    }).then((isDone) => { if (!isDone) role.value = member.role; }));
    const remove = (this.isOwner || member.role === "member") && button("Remove", () => attempt(async () => {
      if (!(await isSure(`Remove ${name}?`, "What is shown to members only disappears from this person's screens at once.", "Remove"))) return;
      await api("DELETE", `${path}/members/${member.id}`);
      await this.done(`${name} is out of the group.`);
    }), { "aria-label": `Remove ${name}` });
    return row(bdi(name), [!role && ROLES[member.role], ["since ", moment(member.joined_at)]], [role, remove]);
  }

  leaveButton() {
    return button("Leave", () => attempt(async () => {
      if (!(await isSure(`Leave “${this.group.name}”?`, "What is shown to its members only disappears for you at once.", "Leave the group"))) return;
      await api("DELETE", `${path}/members/${this.me.id}`);
      location.assign("/console/groups");
    }));
  }

  inviteForm() {
    const email = h("input", { type: "email", autocomplete: "off" });
    const uses = h("input", { type: "number", min: "1", max: "1000", value: "1", inputmode: "numeric" });
    const lasts = select(LASTS, "604800");
    const form = h(
      "form", { class: "stack", novalidate: true },
      h("p", { class: "alert", role: "alert", hidden: true }),
      field("email", "E-mail", email, "Only the account that has confirmed this address can accept. Leave it empty for a link that anybody may use who has it."),
      h("div", { class: "pair" }, field("max_uses", "How many may use it", uses), field("expires_in_s", "It works for", lasts)),
      h("p", { class: "actions" }, h("button", { class: "main", type: "submit" }, "Invite")),
    );
    // What is sent to one address is for one person.
    email.addEventListener("input", () => { uses.disabled = email.value.trim() !== ""; });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const address = email.value.trim();
      const body = { expires_in_s: Number(lasts.value), ...(address ? { email: address } : { max_uses: Number(uses.value) }) };
      submit(form, async () => {
        const made = await api("POST", `${path}/invitations`, body);
        form.reset();
        uses.disabled = false;
        this.showLink(made);
        await this.done(address ? `A mail is on its way to ${address}.` : "The link is made.");
      });
    });
    return form;
  }

  showLink(invitation) {
    const words = invitation.email ? `The link was mailed to ${invitation.email}. Here it is once more, and never again:` : "Pass this link on. It is shown here and never again:";
    byId("link").replaceChildren(secret(words, invitation.url));
  }

  async drawInvitations() {
    const invitations = await all(`${path}/invitations`);
    for (const invitation of invitations) this.names.set(invitation.id, invitation.email ?? "a link");
    fill("invitations", invitations.map((invitation) => this.invitationRow(invitation)), "no-invitations");
  }

  invitationRow(invitation) {
    const isPending = invitation.state === "pending";
    const mayRenew = isPending || invitation.state === "expired";
    const name = invitation.email ? bdi(invitation.email) : "Whoever has the link";
    const uses = invitation.email ? null : `${invitation.uses} of ${invitation.max_uses} used`;
    const renew = button(invitation.email ? "Send again" : "New link", () => attempt(async () => {
      this.showLink(await api("POST", `${path}/invitations/${invitation.id}/resend`));
      byId("link").scrollIntoView({ block: "center" });
      await this.done("The old link is worth nothing any more.");
    }));
    const revoke = button("Revoke", () => attempt(async () => {
      await api("DELETE", `${path}/invitations/${invitation.id}`);
      byId("link").replaceChildren();
      await this.done("The invitation is revoked.");
    }));
    return row(
      name,
      [h("span", { class: isPending ? "tag good" : "tag" }, INVITATION_STATES[invitation.state]), uses, ["made ", when(invitation.created_at)], isPending && ["ends ", moment(invitation.expires_at)]],
      [mayRenew && renew, isPending && revoke],
    );
  }

  settings() {
    const name = h("input", { type: "text", value: this.group.name, maxlength: 255, dir: "auto", autocomplete: "off" });
    const form = h(
      "form", { class: "stack", novalidate: true },
      h("p", { class: "alert", role: "alert", hidden: true }),
      field("name", "Name", name),
      h("p", { class: "actions" }, h("button", { type: "submit" }, "Rename")),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      submit(form, async () => {
        this.group = await api("PATCH", path, { name: name.value.trim(), version: this.group.version });
        await this.draw();
        toast("The group is renamed.");
      });
    });
    const end = button("Delete the group", () => attempt(async () => {
      if (!(await isSure(`Delete “${this.group.name}”?`, "Its members lose what they see through it, and its invitations end.", "Delete the group"))) return;
      await api("DELETE", path);
      location.assign("/console/groups");
    }), { class: "danger" });
    const code = h("p", { class: "muted" }, "As an audience: ", h("code", {}, `group:${this.group.slug}`));
    return [code, form, ...(this.isOwner ? [h("p", { class: "actions" }, end)] : [])];
  }
}

await enter(async (me) => {
  const group = await api("GET", path).catch((error) => {
    if (error.status !== 404) throw error;
    return null;
  });
  if (!group) {
    byId("heading").textContent = "There is nothing here";
    byId("content").replaceChildren();
    return trouble({ message: "There is no such group, or you are not in it." });
  }
  await new Group(me, group).draw();
});
