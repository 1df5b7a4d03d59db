/** Instants in controls of the console, on the clocks of the page. */

const two = (number) => String(number).padStart(2, "0");

/** An instant as the value of a datetime-local control, on the clocks of the page. */
export function localInput(zone, at) {
  const { year, month, day, hour, minute } = zone.read(at);
  return `${year}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}`;
}

/** The instant that a datetime-local value means on the clocks of the page; a time that a DST jump leaves out moves forward. */
export function instant(zone, text) {
  if (!text) return "";
  const wanted = Date.parse(`${text}Z`);
  const offsetAt = (at) => {
    const p = zone.read(at);
    return Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute) - Math.floor(at / 60_000) * 60_000;
  };
  const first = wanted - offsetAt(wanted);
  return new Date(wanted - offsetAt(first)).toISOString();
}
