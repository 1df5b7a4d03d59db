/** Words of roles, scopes and states, and the small rules about names. Pure. */

export const ROLES = { owner: "Owner", admin: "Administrator", member: "Member" };
export const PAGE_ROLES = { owner: "Owner", editor: "Editor", viewer: "Viewer" };
export const SCOPES = {
  read: "Read all of the page",
  "status:write": "Say how components are",
  "incidents:write": "Write incidents and maintenances",
  admin: "Change the page and its components as well",
};
export const INVITATION_STATES = { pending: "open", used: "used up", expired: "expired", revoked: "revoked" };
export const LASTS = { 3600: "one hour", 86400: "one day", 604800: "one week", 2592000: "30 days" };
export const KEY_LASTS = { "": "until it is revoked", 2592000: "30 days", 31536000: "one year" };

/** `Ops team, Köln` → `ops-team-koln`: what a group may be called in an audience. */
export const slugOf = (name) =>
  name.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 63).replace(/-+$/, "");
