/**
 * The wire without a socket: frames in both directions, and every rule about positions, closes and delays.
 * Pure. The protocol is the JSON form of the Centrifuge client protocol: docs/protocol.md.
 */

/** One text frame of `commands`, in order. */
export const encode = (commands) => commands.map((command) => JSON.stringify(command)).join("\n");

/** The replies of a text frame. Throws SyntaxError on what is not JSON. */
export const decode = (text) => text.split("\n").filter((line) => line.trim() !== "").map((line) => JSON.parse(line));

/** Where the sockets of the hub at `base`, an origin, are opened. */
export const socketUrl = (base) => new URL("/connection/websocket", base.replace(/^http/, "ws"));

/** What a close code tells the client: the ranges 3500–3999 and 4500–4999 are final, and so is 1009. */
export const mayReconnect = (code) => !(code === 1009 || (code >= 3500 && code < 4000) || (code >= 4500 && code < 5000));

/** The session is over, or its token worth nothing: come back with a better one, or as nobody. */
export const endsSession = (code) => code === 3500;

/** Whom a connection speaks for: the account of the personal channel that the server has opened, null without one. */
export const accountOf = ({ subs = {} }) => Object.keys(subs).find((name) => name.startsWith("#"))?.slice(1) ?? null;

/** Unsubscribe pushes from 2500 on mean: subscribe again from where you are; below, stay away. */
export const mayResubscribe = (code) => code >= 2500;

/** Full jitter: anything from 0 to the ceiling, so that a crowd does not come back in step. */
export const backoff = (attempt, random = Math.random, min_ms = 500, max_ms = 20_000) =>
  Math.floor(random() * Math.min(max_ms, min_ms * 2 ** Math.min(attempt, 31)));

/** Where a publication belongs: `next` is folded in, `old` was seen already, `gap` means something is missing. */
export const place = (position, offset) =>
  offset === position.offset + 1 ? "next" : offset <= position.offset ? "old" : "gap";

export const connectCommand = (id, token) => ({ id, connect: token ? { token, name: "hub-js" } : { name: "hub-js" } });

/** With a position the server is asked to continue from it; without, for a snapshot. */
export const subscribeCommand = (id, channel, position) => ({
  id,
  subscribe: position ? { channel, recover: true, epoch: position.epoch, offset: position.offset } : { channel },
});

/**
 * What a subscribe reply makes of `position`:
 * `{kind: "continue", publications}` – the missed ones, ascending – or `{kind: "restart", snapshot, position}`.
 */
export function outcome(result, position) {
  if (position && result.recovered === true && (!result.epoch || result.epoch === position.epoch)) {
    return { kind: "continue", publications: result.publications ?? [] };
  }
  return { kind: "restart", snapshot: result.data ?? null, position: { epoch: result.epoch ?? "", offset: result.offset ?? 0 } };
}

/** Errors after which asking again by itself may help; 109 asks for a fresh token first. */
export const isTemporary = (error) => error.temporary === true || error.code === 109;
