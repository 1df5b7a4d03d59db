/** The box that narrows a long list of components down to those whose name, or whose group's, holds what is typed. */

import { _n } from "./messages.js";

const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/** `box`: the field's paragraph; `list`: the rows, which may be drawn anew at any time; `announcer`: the live region. */
export function narrow(box, list, announcer) {
  const field = box.querySelector("input");
  const told = box.querySelector(".found");

  function apply() {
    const wanted = plain(field.value.trim());
    let found = 0;
    for (const entry of list.children) {
      const group = entry.querySelector("details.group");
      const isWhole = group && plain(group.querySelector(".name").textContent).includes(wanted);
      let shown = 0;
      for (const row of entry.querySelectorAll(".component")) {
        const fits = isWhole || plain(row.querySelector(".name").textContent).includes(wanted);
        if (row.hidden === fits) row.hidden = !fits;
        shown += fits;
      }
      if (entry.hidden === shown > 0) entry.hidden = !shown;
      if (wanted && shown && group && !group.open) group.open = true;
      found += shown;
    }
    const text = wanted ? _n("{n} component", "{n} components", found) : "";
    if (told.textContent !== text) announcer.textContent = told.textContent = text;
  }

  field.addEventListener("input", apply);
  apply(); // what was typed while this was on its way
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !field.value) return;
    field.value = "";
    apply();
  });
  new MutationObserver(() => { if (field.value) apply(); }).observe(list, { childList: true, subtree: true, attributeFilter: ["hidden"] });
}
