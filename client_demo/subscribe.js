/** The box "Subscribe": lines to paste on one's own site, and links to one's own view. Loaded when it is opened. */

import { _ } from "./messages.js";
import { h } from "./morph.js";
import { api } from "./session.js";

const escape = (text) => text.replace(/[&<>"]/g, (letter) => `&#${letter.codePointAt(0)};`);
const inMarkdown = (text) => text.replace(/[\\[\]]/g, "\\$&");

/** A line in a field, and the button that copies it. */
function snippet(label, text) {
  const field = h("input", { readonly: true, value: text, "aria-label": label, dir: "ltr" });
  const button = h("button", { type: "button" }, _("Copy"));
  field.addEventListener("focus", () => field.select());
  button.setAttribute("aria-label", _("Copy: {what}", { what: label }));
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = _("Copied");
    } catch { // not permitted, or no secure context: the reader copies it himself
      field.focus();
    }
  });
  return h("div", { class: "snippet" }, h("label", {}, label, field), button);
}

/** Fill the opened `box`; links follow whoever is signed in. */
export function offer(box, { snapshot }) {
  const { slug, title } = snapshot.page;
  const hub = location.origin;
  const page = `${hub}/p/${slug}`;
  const name = _("Status of {title}", { title });
  const own = h("div", { class: "own" });
  box.querySelector(".panel").append(
    h("h2", {}, _("On your own site")),
    snippet(_("Live element"), `<script type="module" src="${hub}/embed.js"></script> <status-hub page="${slug}"></status-hub>`),
    snippet(_("Frame"), `<iframe src="${page}/embed" title="${escape(name)}" width="100%" height="160" frameborder="0" loading="lazy"></iframe>`),
    snippet(_("Badge"), `<a href="${page}"><img src="${page}/badge.svg" alt="${escape(name)}" height="20"></a>`),
    snippet(_("Badge in Markdown"), `[![${inMarkdown(name)}](${page}/badge.svg)](${page})`),
    own,
  );
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    box.open = false;
    box.querySelector("summary").focus();
  });
  const links = new OwnLinks(own, slug);
  const show = () => {
    if (box.open) links.show();
  };
  new MutationObserver(show).observe(document.documentElement, { attributeFilter: ["data-account"] });
  box.addEventListener("toggle", show);
  show();
}

/** Private addresses of the viewer's own sight, for readers that cannot sign in. */
class OwnLinks {
  #account = null;

  constructor(root, slug) {
    Object.assign(this, { root, path: `/pages/${slug}/links` });
  }

  async show() {
    const account = document.documentElement.dataset.account || null;
    if (account === this.#account) return;
    this.#account = account;
    this.root.replaceChildren(); // nothing of another's stays
    if (!account) return;
    const list = h("ul", {});
    const made = h("div", {});
    const name = h("input", { required: true, maxlength: 255, id: "link-name" });
    const form = h(
      "form", { class: "snippet" },
      h("label", { for: "link-name" }, _("For which reader?"), name),
      h("button", {}, _("Make a link")),
    );
    const fault = h("p", { class: "error", role: "alert", hidden: true });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      await this.#guard(account, fault, async () => {
        const link = await api("POST", this.path, { name: name.value });
        if (account !== this.#account) return;
        name.value = "";
        made.replaceChildren(
          h("p", {}, _("These addresses are shown this once. Whoever knows one sees what you see.")),
          snippet("Atom", link.atom), snippet("RSS", link.rss), snippet(_("Calendar"), link.calendar), snippet(_("Badge"), link.badge),
        );
        list.prepend(this.#row(link, list, fault));
      });
    });
    this.root.append(h("h2", {}, _("Links to your own view")), list, form, fault, made);
    await this.#guard(account, fault, async () => {
      const links = await api("GET", this.path);
      if (account === this.#account) list.append(...links.map((link) => this.#row(link, list, fault)));
    });
  }

  #row(link, list, fault) {
    const end = h("button", { type: "button", class: "quiet" }, _("Revoke"));
    end.setAttribute("aria-label", _("Revoke: {name}", { name: link.name }));
    const row = h("li", {}, h("bdi", {}, link.name), end);
    end.addEventListener("click", () => this.#guard(this.#account, fault, async () => {
      await api("DELETE", `${this.path}/${link.id}`);
      row.remove();
    }));
    return row;
  }

  async #guard(account, fault, act) {
    fault.hidden = true;
    try {
      await act();
    } catch (error) {
      if (account !== this.#account) return;
      fault.textContent = error.message;
      fault.hidden = false;
    }
  }
}
