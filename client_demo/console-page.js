/** Making a page: an administrator's first step. */

import { field, select } from "./forms.js";
import { sheet } from "./console-sheet.js";
import { h } from "./morph.js";
import { slugOf } from "./people-words.js";
import { api } from "./session.js";

const AUDIENCES = { public: "Everybody", authenticated: "Everybody who signs in", verified: "Accounts with a confirmed address" };

/** Ask what it is called and make it; then to its console. */
export async function addPage() {
  const title = h("input", { maxlength: "255", dir: "auto", placeholder: "Whose status it tells" });
  const slug = h("input", { maxlength: "63", spellcheck: "false", autocomplete: "off" });
  const zone = h("input", { list: "new-page-zones", spellcheck: "false", value: Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC" });
  const audience = select(AUDIENCES, "public");
  let isOwn = false;
  slug.addEventListener("input", () => { isOwn = slug.value !== ""; });
  title.addEventListener("input", () => { if (!isOwn) slug.value = slugOf(title.value); });
  await sheet({
    title: "New page", answer: "Make the page", draft: "new-page",
    parts: [
      field("title", "Title", title),
      field("slug", "Short name", slug, `Its address is ${location.host}/p/… and this name: small letters, digits and hyphens. It never changes.`),
      field("time_zone", "Time zone", zone, "Its days and times are those of this zone."),
      h("datalist", { id: "new-page-zones" }, Intl.supportedValuesOf("timeZone").map((name) => h("option", { value: name }))),
      field("audience", "Who sees it", audience, "Groups of people can be chosen in its settings."),
    ],
    work: async () => {
      const page = await api("POST", "/pages", { title: title.value.trim(), slug: slug.value.trim(), time_zone: zone.value.trim() || "UTC", audience: audience.value });
      location.assign(`/console?page=${encodeURIComponent(page.slug)}`);
    },
  });
}
