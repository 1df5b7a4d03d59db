/**
 * Builds the rows of the status page, element for element as hub/web/templates/_macros.html writes them.
 * A browser test renders the same snapshot both ways and compares.
 */

import { _, _n } from "./messages.js";
import { h, safeHtml } from "./morph.js";
import { incidentLength } from "./present.js";
import { IMPACT_WORDS, STATUS_WORDS, TONES, UPDATE_WORDS, ago } from "./words.js";

const JUST_MADE_MS = 60_000; // there is nothing to know of it then
const at = (text) => Date.parse(text);

export const icon = (name) => h("svg", { class: "icon", "aria-hidden": "true" }, h("use", { href: `#${name}` }));

export const status = (value) => h("span", { class: `status s-${value}` }, icon(`i-${value}`), h("span", {}, STATUS_WORDS[value]));

/** The rows of one page; `zone` and `slug` stay, `now()` is read at each build. */
export class View {
  constructor({ slug, zone, now }) {
    this.slug = slug;
    this.zone = zone;
    this.now = now;
  }

  when(text) {
    const abs = `${this.zone.moment(at(text), this.now())} ${this.zone.offsetName(at(text))}`;
    return h("time", { class: "when", datetime: text }, h("span", { class: "abs" }, abs), h("span", { class: "rel" }, ago(at(text), this.now())));
  }

  chips(pairs, names) {
    if (!pairs.length) return null;
    const chip = ([id, value]) =>
      h("li", { class: `chip s-${value}` }, icon(`i-${value}`), h("bdi", {}, names[id]), h("span", { class: "vh" }, ` ${STATUS_WORDS[value]}`));
    return h("ul", { class: "chips", "aria-label": _("Affected") }, pairs.filter(([id]) => id in names).map(chip));
  }

  update(u) {
    const changed = u.affected.filter((a) => a.old_status !== a.new_status);
    return h(
      "li", { class: `update u-${u.status}`, "data-key": u.id },
      h("p", { class: "word" }, icon(`u-${u.status}`), h("span", {}, UPDATE_WORDS[u.status])),
      safeHtml("div", { class: "body", dir: "auto" }, u.body_html),
      changed.length > 0 && h("ul", { class: "changes" }, changed.map((a) => h("li", {}, h("bdi", {}, a.name), " ", status(a.new_status)))),
      this.when(u.display_at),
    );
  }

  timeline(updates) {
    return h("ol", { class: "timeline" }, updates.map((u) => this.update(u)));
  }

  link(incident) {
    return h("a", { href: `/p/${this.slug}/incidents/${incident.id}` }, incident.name);
  }

  impact(incident) {
    const tone = TONES[incident.impact];
    return [icon(`i-${tone}`), h("span", {}, IMPACT_WORDS[incident.impact])];
  }

  incident(i, names) {
    const start = `${this.zone.moment(at(i.started_at), this.now())} ${this.zone.offsetName(at(i.started_at))}`;
    return h(
      "article", { class: `incident s-${TONES[i.impact]}`, "data-key": i.id, id: `incident-${i.id}` },
      h(
        "header", {},
        h("h3", { dir: "auto" }, this.link(i)),
        h(
          "p", { class: "facts" },
          h("span", { class: "impact" }, this.impact(i)),
          h("span", {}, UPDATE_WORDS[i.status]),
          h("span", { class: "since", "data-since": i.started_at }, _("since {moment} · {length}", { moment: start, length: incidentLength(i, this.now()) })),
        ),
        this.chips(Object.entries(i.components), names),
      ),
      this.timeline(i.updates),
    );
  }

  maintenance(m, names) {
    const affected = m.components.filter((id) => id in names);
    const window = this.zone.window(at(m.scheduled_for), at(m.scheduled_until), this.now());
    return h(
      "article", { class: `maintenance m-${m.status}`, "data-key": m.id, id: `maintenance-${m.id}` },
      h(
        "header", {},
        h("h3", { dir: "auto" }, m.name),
        h(
          "p", { class: "facts" },
          h("span", { class: "s-under_maintenance impact" }, icon(`u-${m.status}`), h("span", {}, UPDATE_WORDS[m.status])),
          h("time", { datetime: m.scheduled_for, "data-until": m.scheduled_until }, window),
        ),
        m.components.length > 0 &&
          h("ul", { class: "chips", "aria-label": _("Affected") }, affected.map((id) => h("li", { class: "chip s-under_maintenance" }, h("bdi", {}, names[id])))),
      ),
      m.body_html && !m.updates.length ? safeHtml("div", { class: "body", dir: "auto" }, m.body_html) : null,
      m.updates.length ? this.timeline(m.updates) : null,
    );
  }

  component(c) {
    return h(
      "li", { class: "component", "data-key": c.id },
      h("div", { class: "line" }, this.name(c), h("span", { class: "latency", "data-keep": true, hidden: true }), status(c.status)),
      c.showcase && this.emptyBars(c),
    );
  }

  /** What it is for is told on a tap. */
  name({ name, description }) {
    if (!description) return h("span", { class: "name", dir: "auto" }, name);
    return h("details", { class: "about" }, h("summary", { class: "name", dir: "auto" }, name), h("p", { dir: "auto" }, description));
  }

  /** Ninety days of which nothing is known here yet. Existing bars are kept as they are. */
  emptyBars(c) {
    const today = this.zone.dayNumber(this.now());
    const text = this.now() - at(c.created_at) < JUST_MADE_MS ? _("no data yet") : "…";
    const first = new Date((today - 89) * 86_400_000).toISOString().slice(0, 10);
    return h(
      "div", { class: "bars", "data-keep": true, "data-days": "n".repeat(90), "data-first": first, "data-ratios": "" },
      h("div", { class: "strip", role: "img", "aria-label": _("{name}, last {n} days: {said}", { name: c.name, n: 90, said: text }) }),
      h("p", { class: "scale" }, h("span", { class: "from", "aria-hidden": "true" }), h("span", { class: "uptime" }, text), h("span", { "aria-hidden": "true" }, _("Today"))),
    );
  }

  entry(e) {
    const components = h("ul", { class: "components" }, e.components.map((c) => this.component(c)));
    if (!e.group) return h("li", { class: "entry", "data-key": `c-${e.components[0].id}` }, components);
    const total = e.components.length;
    const count = e.affected ? _("{count} of {total} affected", { count: e.affected, total }) : _n("{n} component", "{n} components", total);
    return h(
      "li", { class: "entry", "data-key": `g-${e.group.id}` },
      h(
        "details", { class: "group", open: e.isOpen },
        h("summary", {}, h("h3", { class: "name", dir: "auto" }, e.group.name), h("span", { class: "count" }, count), h("span", { class: "uptime", "data-keep": true }), status(e.group.status)),
        components,
      ),
    );
  }

  past(i) {
    if (!i.resolved_at) {
      return h("article", { class: "past", "data-key": i.id }, h("h4", { dir: "auto" }, this.link(i)), h("p", { class: "facts" }, h("span", {}, _("Ongoing"))));
    }
    return h(
      "article", { class: "past", "data-key": i.id },
      h("h4", { dir: "auto" }, this.link(i)),
      h(
        "p", { class: "facts" },
        h("span", { class: `s-${TONES[i.impact]} impact` }, this.impact(i)),
        h("span", {}, UPDATE_WORDS[i.status]),
        h("span", {}, _("lasted {length}", { length: incidentLength(i, this.now()) })),
      ),
      i.updates.length > 0 && safeHtml("div", { class: "body", dir: "auto" }, i.updates[0].body_html),
    );
  }

  day(d) {
    return h(
      "section", { class: d.incidents.length ? "day" : "day quiet", "data-key": d.title },
      h("h3", {}, d.title),
      d.incidents.length ? d.incidents.map((i) => this.past(i)) : h("p", {}, _("No incidents")),
    );
  }
}
