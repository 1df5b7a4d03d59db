/** The order of components and groups: by dragging, or with Alt and the arrow keys. What is moved goes at once. */

import { toast } from "./forms.js";
import { compareText } from "./reducer.js";
import { api } from "./session.js";

/** {groups: ids, components: {group id or "": ids}} of a snapshot, as `…/components/order` takes it. */
function orderOf({ groups, components }) {
  const known = new Set(groups.map((group) => group.id));
  const order = { groups: groups.map((group) => group.id), components: { "": [] } };
  for (const id of order.groups) order.components[id] = [];
  for (const c of components) order.components[known.has(c.group_id) ? c.group_id : ""].push(c.id);
  return order;
}

/** `snapshot` with the places of `answer`, which is newer than what the page has been told. */
function placed(snapshot, answer) {
  const put = (items, wanted) => {
    const places = new Map(wanted.map((item) => [item.id, item]));
    return items
      .map((item) => (places.has(item.id) ? { ...item, position: places.get(item.id).position, ...("group_id" in item ? { group_id: places.get(item.id).group_id } : {}) } : item))
      .sort((a, b) => a.position - b.position || compareText(a.name, b.name) || compareText(a.id, b.id));
  };
  return { ...snapshot, groups: put(snapshot.groups, answer.groups), components: put(snapshot.components, answer.components) };
}

export class Arrangement {
  constructor(pane) {
    this.pane = pane;
    this.box = pane.box;
    this.isOn = false;
    this.dragged = null;
    this.sending = null;
    const button = document.getElementById("arrange");
    button.addEventListener("click", () => {
      this.isOn = !this.isOn;
      button.setAttribute("aria-pressed", String(this.isOn));
      pane.draw(pane.desk.snapshot);
    });
    this.box.addEventListener("pointerdown", (event) => this.take(event));
    this.box.addEventListener("pointermove", (event) => this.drag(event));
    this.box.addEventListener("pointerup", () => this.drop());
    this.box.addEventListener("pointercancel", () => this.drop());
  }

  get isBusy() {
    return this.dragged !== null || this.sending !== null;
  }

  take(event) {
    const handle = event.target.closest(".handle");
    if (!handle || event.button !== 0) return;
    event.preventDefault();
    this.begin();
    this.dragged = handle.closest("li[data-key], .set");
    this.dragged.classList.add("dragged");
    this.box.setPointerCapture(event.pointerId);
  }

  drag({ clientX, clientY }) {
    if (!this.dragged) return;
    const under = document.elementFromPoint(clientX, clientY);
    if (!under || !this.box.contains(under) || this.dragged.contains(under)) return;
    const isBelow = (element) => {
      const { top, height } = element.getBoundingClientRect();
      return clientY > top + height / 2;
    };
    if (this.dragged.matches(".set")) {
      const set = under.closest(".set");
      if (set && set.dataset.key !== "g-") set[isBelow(set) ? "after" : "before"](this.dragged);
      return;
    }
    const row = under.closest("li[data-key]");
    if (row) row[isBelow(row) ? "after" : "before"](this.dragged);
    else under.closest(".set")?.querySelector("ul").append(this.dragged);
  }

  drop() {
    if (!this.dragged) return;
    this.dragged.classList.remove("dragged");
    this.dragged = null;
    this.send();
  }

  /** Move a row or a set one place up (-1) or down (1); a row goes on into the next group. */
  step(element, by) {
    if (!element || element.dataset.key === "g-") return;
    const focused = document.activeElement;
    const next = by < 0 ? element.previousElementSibling : element.nextElementSibling;
    if (element.matches(".set")) {
      if (!next || next.dataset.key === "g-") return;
      this.begin();
      next[by < 0 ? "before" : "after"](element);
    } else if (next) {
      this.begin();
      next[by < 0 ? "before" : "after"](element);
    } else {
      const set = element.closest(".set");
      const beside = (by < 0 ? set.previousElementSibling : set.nextElementSibling)?.querySelector("ul");
      if (!beside) return;
      this.begin();
      beside[by < 0 ? "append" : "prepend"](element);
    }
    focused.focus();
    element.scrollIntoView({ block: "nearest" });
    this.send();
  }

  begin() {
    this.before ??= orderOf(this.pane.desk.snapshot);
  }

  /** What the screen shows, with what it leaves out (empty groups) in its old place. */
  shown() {
    const shown = { groups: [], components: {} };
    for (const list of this.box.querySelectorAll("ul[data-group]")) {
      if (list.dataset.group) shown.groups.push(list.dataset.group);
      shown.components[list.dataset.group] = [...list.children].map((row) => row.dataset.key);
    }
    return shown;
  }

  /** Send the order of the screen; moves that are made meanwhile go together afterwards. */
  async send() {
    if (this.sending) {
      this.isAgain = true;
      return;
    }
    const { before } = this;
    const { desk } = this.pane;
    const path = `/pages/${desk.slug}/components/order`;
    try {
      do {
        this.isAgain = false;
        this.sending = api("POST", path, this.shown());
        const answer = await this.sending;
        desk.snapshot = placed(desk.snapshot, answer);
      } while (this.isAgain);
      toast("The order is changed", () => api("POST", path, before).then(() => toast("The order is as it was"), (error) => toast(error.message)));
    } catch (error) {
      toast(error.message);
    } finally {
      this.sending = this.before = null;
    }
    desk.draw(desk.snapshot);
  }
}
