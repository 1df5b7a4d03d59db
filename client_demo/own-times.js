/** Times are the page's. Each is also told by the reader's own clock: on hover, and beside it for whoever wishes so. */

import { _ } from "./messages.js";
import { h } from "./morph.js";
import { Zone } from "./words.js";

const KEY = "hub-own-times";
const TIMES = "time[datetime], [data-since]";
const WATCHED = { childList: true, subtree: true, attributeFilter: ["datetime", "data-until", "data-since", "data-own"] };
const own = new Zone(Intl.DateTimeFormat().resolvedOptions().timeZone);

/** `30 Nov, 14:35 (your time)`, of a window both ends. */
function told({ dateTime, dataset: { since, until } }) {
  const start = Date.parse(dateTime ?? since);
  const moment = until ? own.window(start, Date.parse(until), Date.now()) : own.moment(start, Date.now());
  return _("{moment} (your time)", { moment });
}

/** Say it in the element that tells the page's zone, if the reader's is another. */
function offer(said) {
  const now = Date.now();
  const offset = own.offsetName(now);
  if (offset === new Zone(said.dataset.zone).offsetName(now)) return;
  const button = h("button", { type: "button", class: "quiet", "aria-pressed": "false" }, _("Show my time too"));
  said.append(" ", _("Your clock: {offset}.", { offset }), " ", button);
  const observer = new MutationObserver(() => show());
  let isShown = false;

  function show() {
    for (const time of document.querySelectorAll(TIMES)) {
      if (!isShown) delete time.dataset.own;
      else if (time.dataset.own !== told(time)) time.dataset.own = told(time);
    }
  }

  function choose(wanted) {
    isShown = wanted;
    button.setAttribute("aria-pressed", wanted);
    if (wanted) observer.observe(document.body, WATCHED);
    else observer.disconnect();
    show();
  }

  button.addEventListener("click", () => {
    choose(!isShown);
    try {
      if (isShown) localStorage.setItem(KEY, "yes");
      else localStorage.removeItem(KEY);
    } catch { /* storage is off: the choice lasts as long as the page */ }
  });
  document.addEventListener("pointerover", ({ target }) => {
    const time = target instanceof Element ? target.closest(TIMES) : null;
    if (time) time.title = told(time);
  });
  try {
    if (localStorage.getItem(KEY)) choose(true);
  } catch { /* as above */ }
}

offer(document.getElementById("zone"));
