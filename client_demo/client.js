/**
 * A page's stream: WebSocket first, server-sent events where sockets are blocked, REST polling where streams are too.
 *
 * One coordinate, (epoch, offset), runs through all three, so changing between them neither loses nor doubles a
 * publication. The client checks every offset itself and folds with the shared reducer.
 *
 *   const client = new HubClient({ slug: "acme" });
 *   client.addEventListener("change", ({ detail }) => draw(detail.snapshot, detail.event));
 *   client.addEventListener("state", ({ detail }) => mark(detail.state));   // connecting live reconnecting stale ended
 *   client.start();
 */

import * as wire from "./protocol.js";
import { apply } from "./reducer.js";

const PING_GRACE_MS = 10_000;
const OPEN_TIMEOUT_MS = 5_000;
const STALE_AFTER_MS = 5_000;
const POLL_MS = 10_000;
const SOCKET_FAILURES_BEFORE_STREAM = 2;
const SOCKET_RETRY_BESIDE_STREAM_MS = 60_000;
const STREAM_SILENCE_MS = 40_000; // `alive` comes after 15 s without another event

export class HubClient extends EventTarget {
  #options;
  #snapshot;
  #position;
  #state = "idle";
  #token = null;
  #socket = null;
  #stream = null;
  #timers = {};
  #attempt = 0;
  #failures = 0; // sockets in a row that never opened
  #nextId = 1;
  #stopped = false;
  #pingMs = 0;
  #heardAt = Date.now();

  /**
   * options: slug; base (default: this origin); snapshot (of the server-rendered page: the stream continues from its
   * epoch and offset); refresh: async () => access token or null, called when the server says the token has expired;
   * random (for tests).
   */
  constructor(options) {
    super();
    this.#options = { base: location.origin, random: Math.random, ...options };
    if (options.snapshot) this.#take(options.snapshot);
  }

  get snapshot() {
    return this.#snapshot;
  }

  get state() {
    return this.#state;
  }

  /** When the server was last heard of, ms since 1970: what a page that is not live is true "as of". */
  get heardAt() {
    return this.#heardAt;
  }

  start() {
    this.#setState("connecting");
    addEventListener("online", this.#wake);
    document.addEventListener("visibilitychange", this.#wake);
    addEventListener("pagehide", this.#leave);
    addEventListener("pageshow", this.#wake);
    this.#connect();
  }

  stop() {
    this.#stopped = true;
    removeEventListener("online", this.#wake);
    document.removeEventListener("visibilitychange", this.#wake);
    removeEventListener("pagehide", this.#leave);
    removeEventListener("pageshow", this.#wake);
    this.#dropSocket();
    this.#dropStream();
    for (const name of Object.keys(this.#timers)) this.#cancel(name);
    this.#setState("ended");
  }

  // ── folding ──────────────────────────────────────────────────────────────────────────────────────────────

  #take(snapshot) {
    this.#snapshot = snapshot;
    this.#position = { epoch: snapshot.epoch, offset: snapshot.offset };
  }

  #restart(snapshot) {
    this.#take(snapshot);
    this.#emit("change", { snapshot, event: null });
  }

  /** Fold one publication; false when something before it is missing. */
  #fold(offset, event) {
    const where = wire.place(this.#position, offset);
    if (where === "gap") return false;
    if (where === "next") {
      this.#position = { ...this.#position, offset };
      this.#snapshot = { ...apply(this.#snapshot, event), offset };
      this.#emit("change", { snapshot: this.#snapshot, event });
    }
    return true;
  }

  // ── WebSocket ────────────────────────────────────────────────────────────────────────────────────────────

  #connect() {
    if (this.#stopped || this.#socket) return;
    this.#cancel("retry");
    const url = new URL("/connection/websocket", this.#options.base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    let socket;
    try {
      socket = new WebSocket(url);
    } catch {
      this.#socketFailed();
      return;
    }
    this.#socket = socket;
    let opened = false;
    this.#after("open", OPEN_TIMEOUT_MS, () => socket.close());
    socket.onopen = () => {
      opened = true;
      // Both at once: the server takes commands in order, so this saves a round trip.
      this.#send(wire.connectCommand(this.#id(), this.#token), wire.subscribeCommand(this.#id(), this.#channel, this.#position));
    };
    socket.onmessage = ({ data }) => this.#receive(socket, data);
    socket.onclose = ({ code }) => {
      if (this.#socket !== socket) return;
      this.#dropSocket();
      if (!opened) this.#socketFailed();
      else if (wire.mayReconnect(code)) this.#retry(code === 3005);
      else this.#giveUp(code);
    };
  }

  get #channel() {
    return `page:${this.#options.slug}`;
  }

  #id() {
    return this.#nextId++;
  }

  #send(...commands) {
    this.#socket?.send(wire.encode(commands));
  }

  #receive(socket, text) {
    if (this.#socket !== socket) return;
    let replies;
    try {
      replies = wire.decode(text);
    } catch {
      this.#fail();
      return;
    }
    this.#heard();
    for (const reply of replies) {
      if (this.#socket !== socket) return;
      if (reply.error) this.#refused(reply.error);
      else if (reply.connect) this.#connected(reply.connect);
      else if (reply.refresh) this.#scheduleRefresh(reply.refresh);
      else if (reply.subscribe) this.#subscribed(reply.subscribe);
      else if (reply.push) this.#pushed(reply.push);
      else if (Object.keys(reply).length === 0 && this.#pong) this.#send({});
    }
  }

  #pong = false;

  #connected(result) {
    this.#cancel("open");
    this.#pong = result.pong === true;
    this.#pingMs = (result.ping ?? 0) * 1_000;
    this.#failures = 0;
    this.#scheduleRefresh(result);
    this.#heard();
  }

  #subscribed(result) {
    const found = wire.outcome(result, this.#position);
    if (found.kind === "restart") {
      if (!found.snapshot) return this.#fail();
      this.#restart({ ...found.snapshot, ...found.position });
    } else {
      for (const { offset, data } of found.publications) if (!this.#fold(offset, data)) return this.#resubscribe();
    }
    this.#attempt = 0;
    this.#dropStream();
    this.#setState("live");
  }

  #pushed({ channel, pub, unsubscribe, disconnect }) {
    if (disconnect) return this.#fail();
    if (channel !== this.#channel) return;
    if (pub && !this.#fold(pub.offset, pub.data)) this.#resubscribe();
    if (unsubscribe) {
      if (!wire.mayResubscribe(unsubscribe.code)) return this.#giveUp(unsubscribe.code);
      this.#subscribeSoon();
    }
  }

  /** A hole: ask again from the last offset that was folded. */
  #resubscribe() {
    this.#send({ id: this.#id(), unsubscribe: { channel: this.#channel } });
    this.#subscribeSoon();
  }

  #subscribeSoon() {
    const position = this.#position;
    this.#send(wire.subscribeCommand(this.#id(), this.#channel, position));
  }

  #refused(error) {
    if (error.code === 109) return this.#fail(true);
    if (wire.isTemporary(error)) return this.#fail();
    this.#giveUp(error.code);
  }

  #scheduleRefresh({ expires, ttl }) {
    if (!expires || !ttl) return;
    this.#after("refresh", ttl * 1_000, async () => {
      const token = await this.#freshToken();
      if (token) this.#send({ id: this.#id(), refresh: { token } });
    });
  }

  async #freshToken() {
    this.#token = (await this.#options.refresh?.().catch(() => null)) ?? null;
    return this.#token;
  }

  /** Close what is broken and come back. */
  #fail(needsToken = false) {
    this.#dropSocket();
    this.#retry(needsToken);
  }

  #retry(needsToken) {
    this.#setState("reconnecting");
    const delay = wire.backoff(this.#attempt++, this.#options.random);
    this.#after("retry", delay, async () => {
      if (needsToken) await this.#freshToken();
      this.#connect();
    });
  }

  #socketFailed() {
    this.#dropSocket();
    this.#failures += 1;
    if (this.#failures >= SOCKET_FAILURES_BEFORE_STREAM && !this.#stream) this.#openStream();
    if (this.#stream?.isLive) this.#after("retry", SOCKET_RETRY_BESIDE_STREAM_MS, () => this.#connect());
    else this.#retry(false);
  }

  #giveUp(code) {
    this.stop();
    this.#emit("refused", { code });
  }

  #dropSocket() {
    const socket = this.#socket;
    this.#socket = null;
    for (const name of ["open", "ping", "refresh"]) this.#cancel(name);
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  #heard() {
    this.#heardAt = Date.now();
    if (this.#socket && this.#pingMs) this.#after("ping", this.#pingMs + PING_GRACE_MS, () => this.#fail());
  }

  // ── server-sent events ───────────────────────────────────────────────────────────────────────────────────

  #openStream() {
    const url = new URL(`/p/${this.#options.slug}/events?alive=event`, this.#options.base);
    const source = new EventSource(url, { withCredentials: true });
    const stream = { source, isLive: false };
    this.#stream = stream;
    const alive = () => {
      this.#heardAt = Date.now();
      this.#after("silence", STREAM_SILENCE_MS, () => this.#streamBroke());
    };
    const live = () => {
      alive();
      stream.isLive = true;
      this.#after("retry", SOCKET_RETRY_BESIDE_STREAM_MS, () => this.#connect());
      this.#setState("live");
    };
    for (const name of ["open", "alive"]) source.addEventListener(name, alive);
    source.addEventListener("snapshot", ({ data }) => {
      const snapshot = JSON.parse(data);
      if (snapshot.epoch !== this.#position?.epoch || snapshot.offset !== this.#position.offset) this.#restart(snapshot);
      live();
    });
    source.addEventListener("message", ({ data, lastEventId }) => {
      if (this.#fold(Number(lastEventId), JSON.parse(data))) live();
      else this.#streamBroke();
    });
    source.addEventListener("error", () => this.#streamBroke());
  }

  #streamBroke() {
    const wasLive = this.#stream?.isLive;
    this.#dropStream();
    if (wasLive) this.#retry(false);
  }

  #dropStream() {
    this.#cancel("silence");
    this.#stream?.source.close();
    this.#stream = null;
  }

  // ── REST, while there is neither ─────────────────────────────────────────────────────────────────────────

  async #poll() {
    this.#after("poll", POLL_MS * (0.75 + this.#options.random() / 2), () => this.#poll());
    try {
      await (this.#position ? this.#pollHistory() : this.#pollSnapshot());
      this.#heardAt = Date.now();
      this.#emit("state", { state: this.#state });
    } catch {
      // The server is away or the network is: the next poll, or the socket, will tell.
    }
  }

  async #pollHistory() {
    const { epoch, offset } = this.#position;
    const found = await this.#get(`history?after=${offset}&epoch=${encodeURIComponent(epoch)}&limit=100`);
    if (!found.recovered || found.epoch !== epoch) return this.#pollSnapshot();
    for (const { offset: at, data } of found.publications) if (!this.#fold(at, data)) return this.#pollSnapshot();
  }

  async #pollSnapshot() {
    this.#restart(await this.#get("snapshot"));
  }

  async #get(path) {
    const url = new URL(`/api/v1/pages/${this.#options.slug}/${path}`, this.#options.base);
    const response = await fetch(url, { credentials: "same-origin", signal: AbortSignal.timeout(OPEN_TIMEOUT_MS) });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return (await response.json()).data;
  }

  // ── state and timers ─────────────────────────────────────────────────────────────────────────────────────

  #setState(state) {
    if (state === "reconnecting" && (this.#state === "stale" || this.#stream?.isLive)) return;
    if (state === "live" || state === "ended") {
      this.#cancel("stale");
      this.#cancel("poll");
    } else if (!this.#timers.stale && this.#state !== "stale") {
      this.#after("stale", STALE_AFTER_MS, () => {
        this.#setState("stale");
        this.#poll();
      });
    }
    if (state === this.#state) return;
    this.#state = state;
    this.#emit("state", { state });
  }

  /** The network came back or the page is looked at again: do not sit out a long back-off. */
  #wake = () => {
    if (this.#stopped || document.visibilityState === "hidden" || this.#socket || this.#stream?.isLive) return;
    this.#attempt = 0;
    this.#connect();
  };

  #leave = () => {
    this.#dropSocket();
    this.#dropStream();
  };

  #after(name, ms, run) {
    this.#cancel(name);
    this.#timers[name] = setTimeout(() => {
      delete this.#timers[name];
      run();
    }, ms);
  }

  #cancel(name) {
    clearTimeout(this.#timers[name]);
    delete this.#timers[name];
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
