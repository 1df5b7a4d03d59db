/**
 * A page's public state from anywhere: server-sent events read by `fetch`, REST where streams are blocked.
 *
 * By `fetch` and not `EventSource`, because that would send the visitor's cookie where the hub and the site are one: what
 * is embedded is what anybody sees, or what a token that was given shows.
 */

import { backoff, place } from "./protocol.js";
import { apply } from "./reducer.js";
import { Timers } from "./timers.js";

const SILENCE_MS = 40_000; // `alive` comes after 15 s without another event
const ANSWER_TIMEOUT_MS = 8_000;
const STALE_AFTER_MS = 5_000;
const POLL_MS = 10_000;

/** `change` when the snapshot is another one, `state` when it is live, reconnecting or stale. */
export class EmbedFeed extends EventTarget {
  #options;
  #timers = new Timers();
  #attempt = 0;
  #abort = null;
  snapshot = null;
  state = "connecting";
  heardAt = Date.now();

  /** options: base, slug, token ("" for nobody's eyes), random (for tests). */
  constructor(options) {
    super();
    this.#options = { token: "", random: Math.random, ...options };
  }

  start() {
    addEventListener("online", this.#wake);
    this.#connect();
  }

  stop() {
    removeEventListener("online", this.#wake);
    this.#timers.cancelAll();
    this.#abort?.abort();
    this.#abort = null;
  }

  async #connect() {
    this.#timers.cancel("retry");
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#watch(abort, ANSWER_TIMEOUT_MS);
    try {
      const response = await this.#ask(`/p/${encodeURIComponent(this.#options.slug)}/events?alive=event`, abort.signal);
      await this.#read(response.body, abort);
    } catch {
      // Whatever it was: it is tried again.
    }
    if (this.#abort !== abort) return;
    this.#abort = null;
    this.#timers.cancel("silence");
    this.#setState("reconnecting");
    this.#timers.after("retry", backoff(this.#attempt++, this.#options.random), () => this.#connect());
  }

  #watch(abort, ms) {
    this.#timers.after("silence", ms, () => abort.abort());
  }

  async #ask(path, signal) {
    const { base, token } = this.#options;
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const response = await fetch(new URL(path, base), { credentials: "omit", cache: "no-store", headers, signal });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return response;
  }

  async #read(body, abort) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.#abort !== abort) return;
      this.heardAt = Date.now();
      this.#watch(abort, SILENCE_MS);
      const parts = (rest + value).split("\n\n");
      rest = parts.pop();
      for (const part of parts) if (!this.#take(parse(part))) return;
    }
  }

  /** False when something is missing: a new connection begins with all of it. */
  #take({ event, id, data }) {
    if (!data || event === "alive") return true;
    const offset = Number(id);
    if (event === "snapshot") {
      this.#attempt = 0;
      this.#show(JSON.parse(data));
      this.#setState("live");
      return true;
    }
    const where = this.snapshot ? place(this.snapshot, offset) : "gap";
    if (where === "next") this.#show({ ...apply(this.snapshot, JSON.parse(data)), offset });
    return where !== "gap";
  }

  async #poll() {
    this.#timers.after("poll", POLL_MS * (0.75 + this.#options.random() / 2), () => this.#poll());
    try {
      const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
      const response = await this.#ask(`/api/v1/pages/${encodeURIComponent(this.#options.slug)}/snapshot`, signal);
      const { data } = await response.json();
      if (this.state === "live") return;
      this.heardAt = Date.now();
      this.#show(data);
      this.#emit("state");
    } catch {
      // The next poll, or the stream, will tell.
    }
  }

  #show(snapshot) {
    const { snapshot: old } = this;
    if (old && old.epoch === snapshot.epoch && old.offset === snapshot.offset) return;
    this.snapshot = snapshot;
    this.#emit("change");
  }

  #setState(state) {
    if (state === "reconnecting" && this.state === "stale") return;
    if (state === "live") this.#timers.cancel("stale", "poll");
    else if (!this.#timers.has("stale")) {
      this.#timers.after("stale", STALE_AFTER_MS, () => {
        this.#setState("stale");
        this.#poll();
      });
    }
    if (state === this.state) return;
    this.state = state;
    this.#emit("state");
  }

  #wake = () => {
    if (this.state === "live") return;
    this.#attempt = 0;
    this.#connect();
  };

  #emit(type) {
    this.dispatchEvent(new Event(type));
  }
}

/** The fields of one event of the stream. */
function parse(text) {
  const found = { event: "message", id: "", data: "" };
  for (const line of text.split("\n")) {
    const at = line.indexOf(":");
    if (at > 0) found[line.slice(0, at)] = line.slice(at + 1).trimStart();
  }
  return found;
}
