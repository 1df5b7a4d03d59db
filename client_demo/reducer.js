/**
 * apply(snapshot, event) → snapshot: the same fold as `hub.domain.event.apply`, held to it by shared vectors.
 * Pure; nothing of the old snapshot is changed, and what an event does not touch stays the very same object.
 */

const SINGLETONS = ["page", "status", "summary", "report"];

/** Strings compare by code point, as Python does; UTF-16 units would order some pairs otherwise. */
export function compareText(a, b) {
  const left = a[Symbol.iterator]();
  const right = b[Symbol.iterator]();
  for (;;) {
    const x = left.next();
    const y = right.next();
    if (x.done || y.done) return (x.done ? 0 : 1) - (y.done ? 0 : 1);
    const difference = x.value.codePointAt(0) - y.value.codePointAt(0);
    if (difference !== 0) return difference;
  }
}

const arranged = (a, b) => a.position - b.position || compareText(a.name, b.name) || compareText(a.id, b.id);
const text = (value) => value ?? "";

const ORDERS = {
  groups: arranged,
  components: arranged,
  incidents: (a, b) =>
    compareText(b.started_at, a.started_at) || compareText(b.created_at, a.created_at) || compareText(b.id, a.id),
  maintenances: (a, b) => compareText(a.scheduled_for, b.scheduled_for) || compareText(a.id, b.id),
  history: (a, b) => compareText(text(b.resolved_at), text(a.resolved_at)) || compareText(b.id, a.id),
};

export function apply(snapshot, event) {
  const set = event.set ?? {};
  const remove = event.remove ?? {};
  const next = { ...snapshot };
  for (const key of SINGLETONS) if (key in set) next[key] = set[key];
  for (const [key, order] of Object.entries(ORDERS)) {
    if (key in set || key in remove) next[key] = merge(snapshot[key], set[key] ?? [], remove[key] ?? [], order);
  }
  return next;
}

function merge(rows, set, remove, order) {
  const byId = new Map(rows.map((row) => [row.id, row]));
  for (const row of set) byId.set(row.id, row);
  for (const id of remove) byId.delete(id);
  return [...byId.values()].sort(order);
}
