/** The page as a file: taken along, and brought back after a look at what it would change. */

import { field, submit, toast } from "./forms.js";
import { h } from "./morph.js";
import { attempt, button } from "./room.js";
import { api } from "./session.js";

const KINDS = {
  pages: "the page", groups: "groups", components: "components", incidents: "incidents", maintenances: "maintenances",
  updates: "updates", notes: "notes", templates: "templates",
};

export class Transfer {
  constructor(settings) {
    this.settings = settings;
  }

  draw() {
    const file = h("input", { type: "file", accept: "application/json,.json", multiple: true });
    this.report = h("div", { class: "report", "aria-live": "polite" });
    this.form = h(
      "form", { class: "stack", novalidate: true },
      h("h3", {}, "Bring one in"),
      h("p", { class: "alert", role: "alert", hidden: true }),
      field("file", "File", file, "An export of this page, or the documents of a Statuspage page (summary.json, incidents.json, …). Nothing changes before you have seen what would."),
      this.report,
    );
    file.addEventListener("change", () => { 
      const files = [...file.files];
      file.value = ""; // so that the same file, mended, can be chosen again
      if (files.length) this.look(files);
    });
    return [
      h("p", { class: "muted" }, "Everything on this page in one file: settings, logo, components with their history, incidents, maintenances, notes and templates. Accounts, keys and people are not in it."),
      h("p", { class: "actions" }, button("Export the page", () => attempt(async () => {
        await api("GET", "/me"); // renews a sign-in that has run out
        location.assign(`/api/v1${this.settings.path}/export`);
      }))),
      this.form,
    ];
  }

  /** A dry run of what was chosen. */
  look(files) {
    this.report.replaceChildren();
    return submit(this.form, async () => {
      const documents = await Promise.all(files.map(async (file) => {
        try {
          return JSON.parse(await file.text());
        } catch {
          throw Object.assign(new Error(), { status: 422, fields: { file: `“${file.name}” is not JSON.` } });
        }
      }));
      this.document = documents.length === 1 ? documents[0] : documents;
      const report = await this.send(true);
      this.report.replaceChildren(h("p", {}, h("strong", { dir: "auto" }, files.map((file) => file.name).join(", "))), ...this.told(report, "would be "));
      if (report.has_changes) {
        this.report.append(h("p", { class: "actions" }, button("Import it", () => this.bring(), { class: "main" })));
        this.report.querySelector("button").focus();
      }
    });
  }

  bring() {
    return submit(this.form, async () => {
      const report = await this.send(false);
      this.report.replaceChildren(...this.told(report, ""));
      this.settings.take(await api("GET", this.settings.path));
      toast("The page is imported.");
    });
  }

  send(isDryRun) {
    const { slug } = this.settings.page;
    return api("POST", `/pages/import?page=${encodeURIComponent(slug)}&dry_run=${isDryRun}`, this.document);
  }

  told({ tallies, has_changes: hasChanges, status, warnings }, verb) {
    const lines = Object.entries(tallies)
      .filter(([, tally]) => tally.created || tally.updated)
      .map(([kind, tally]) => h("li", {}, `${KINDS[kind] ?? kind}: ${tally.created} ${verb}made, ${tally.updated} ${verb}changed`));
    return [
      h("p", {}, hasChanges ? `The page ${verb ? "would be" : "is"}: ${status.description}.` : "Nothing of it is new: the page is like this already."),
      h("ul", {}, lines),
      ...warnings.map((text) => h("p", { class: "muted" }, text)),
    ];
  }
}
