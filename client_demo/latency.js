/** Response times as a line of SVG: the twin of hub/web/latency.py. Loaded where there are any, to keep them fresh. */

import { _ } from "./messages.js";
import { h } from "./morph.js";

const BUCKET_MS = 1_800_000;
const BUCKETS = 48;
const HEIGHT = 20;

/** [path, last, said] of `[{at, latency_ms}]`, oldest first; null without any. */
export function lineOf(samples, now) {
  const end = Math.floor(now / BUCKET_MS);
  const found = new Map();
  for (const { at, latency_ms: ms } of samples) {
    const back = end - Math.floor(Date.parse(at) / BUCKET_MS);
    const x = BUCKETS - 1 - back;
    if (back >= 0 && back < BUCKETS) found.set(x, [...(found.get(x) ?? []), ms]);
  }
  if (!found.size) return null;
  const means = [...found].sort(([a], [b]) => a - b).map(([x, all]) => [x, all.reduce((a, b) => a + b) / all.length]);
  const values = means.map(([, mean]) => mean);
  const [low, high, last] = [Math.min(...values), Math.max(...values), values.at(-1)].map(Math.round);
  const said = _("Response time in the last 24 hours: {low} to {high} ms, {last} ms at last", { low, high, last });
  return [path(means, Math.max(...values) || 1), _("{ms} ms", { ms: last }), said];
}

function path(means, high) {
  const parts = [];
  let before = null;
  for (const [x, mean] of means) {
    const y = HEIGHT - 1 - Math.round((mean / high) * (HEIGHT - 2));
    if (before?.[0] !== x - 1) parts.push(`M${x} ${y}h0`);
    else parts.push(y === before[1] ? "h1" : `l1 ${y - before[1]}`);
    before = [x, y];
  }
  return parts.join("");
}

/** Ask anew for the lines under `root`, those of components that had none before too; `ask(path)` reads a REST resource of the page. */
export async function refresh(root, ask, now) {
  const found = await ask("latency").catch(() => null);
  if (!found) return;
  const known = new Map(found.map(({ id, samples }) => [id, lineOf(samples, now())]));
  for (const box of root.querySelectorAll(".latency")) {
    const line = known.get(box.closest("[data-key]").dataset.key);
    box.hidden = !line;
    box.replaceChildren(...(line ? drawn(line) : []));
  }
}

function drawn([d, last, said]) {
  const svg = h("svg", { role: "img", "aria-label": said, viewBox: `0 0 ${BUCKETS - 1} ${HEIGHT}`, preserveAspectRatio: "none" }, h("path", { d }));
  return [svg, h("span", {}, last)];
}
