/**
 * A page's stream: WebSocket first, server-sent events where sockets are blocked, REST polling where streams are too.
 *
 * One coordinate, (epoch, offset), runs through all three, so changing between them neither loses nor doubles a
 * publication. The client checks every offset itself and folds with the shared reducer.
 *
 *   const client = new HubClient({ slug: "acme" });
 *   client.addEventListener("change", ({ detail }) => draw(detail.snapshot, detail.event));
 *   client.addEventListener("state", ({ detail }) => mark(detail.state));   // connecting live reconnecting stale ended
 *   client.addEventListener("account", ({ detail }) => greet(detail.account));   // whose eyes: an id, null for anybody's
 *   client.addEventListener("refused", ({ detail }) => leave(detail.code));   // 103: not there, or not for these eyes
 *   client.start();
 *
 * Whose eyes these are may change at any moment. Rights that change bring another snapshot; a session that ends leaves an
 * anonymous visitor.
 */

import { NotThere, PageEvents, catchUp, readPage } from "./fallback.js";
import * as wire from "./protocol.js";
import { apply } from "./reducer.js";
import { Timers } from "./timers.js";

const PING_GRACE_MS = 10_000;
const OPEN_TIMEOUT_MS = 5_000;
const STALE_AFTER_MS = 5_000;
const POLL_MS = 10_000;
const SOCKET_FAILURES_BEFORE_STREAM = 2;
const SOCKET_RETRY_BESIDE_STREAM_MS = 60_000;
const RESUBSCRIBE_WITHIN_MS = 250; // spread, as all viewers of a page are sent back at once
export const NOT_YOURS = 103;

export class HubClient extends EventTarget {
  #options;
  #snapshot;
  #position;
  #state = "idle";
  #account;
  #socket = null;
  #stream = null;
  #timers = new Timers();
  #listening = new AbortController();
  #asked = 0; // how often it was asked what to sign in with: only the last answer counts
  #mustRenew = false; // what one signs in with is no good any more
  #attempt = 0;
  #failures = 0; // sockets in a row that never opened
  #nextId = 1;
  #stopped = false;
  #pingMs = 0;
  #pong = false;
  #heardAt = Date.now();

  /**
   * options: slug; base (default: this origin); snapshot (of the server-rendered page: the stream continues from its
   * epoch and offset); credential: async (mustRenew) => what to sign in with: an access token, "" where the cookie
   * does, null for nobody; rejects while that cannot be told; random (for tests).
   */
  constructor(options) {
    super();
    this.#options = { base: location.origin, random: Math.random, credential: async () => null, ...options };
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

  /** Whom the last connection spoke for: the account's id, null for nobody, undefined before there was one. */
  get account() {
    return this.#account;
  }

  /** Come again with what one signs in with now. */
  reconnect() {
    if (this.#stopped) return;
    this.#leave();
    this.#setState("reconnecting");
    this.#attempt = 0;
    this.#connect();
  }

  start() {
    this.#setState("connecting");
    const until = { signal: this.#listening.signal };
    for (const type of ["online", "pageshow"]) addEventListener(type, this.#wake, until);
    document.addEventListener("visibilitychange", this.#wake, until);
    addEventListener("offline", this.#lose, until);
    addEventListener("pagehide", this.#away, until);
    this.#connect();
  }

  stop() {
    this.#stopped = true;
    this.#listening.abort();
    this.#leave();
    this.#timers.cancelAll();
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

  async #connect() {
    if (this.#stopped || this.#socket) return;
    this.#timers.cancel("retry");
    const asked = ++this.#asked;
    const token = await this.#credential().catch(() => undefined);
    if (asked !== this.#asked) return;
    // Not as nobody meanwhile: the page would lose what its reader may see.
    if (token === undefined) return this.#retry();
    let socket;
    try {
      socket = new WebSocket(wire.socketUrl(this.#options.base));
    } catch {
      return this.#socketFailed();
    }
    this.#socket = socket;
    let opened = false;
    this.#timers.after("open", OPEN_TIMEOUT_MS, () => socket.close());
    socket.onopen = () => {
      opened = true;
      // Both at once: the server takes commands in order, so this saves a round trip.
      this.#send(wire.connectCommand(this.#id(), token), wire.subscribeCommand(this.#id(), this.#channel, this.#position));
    };
    socket.onmessage = ({ data }) => this.#receive(socket, data, token);
    socket.onclose = ({ code }) => {
      if (this.#socket !== socket) return;
      this.#dropSocket();
      if (!opened) this.#socketFailed();
      else if (wire.endsSession(code)) this.#retry(true);
      else if (wire.mayReconnect(code)) this.#retry();
      else this.#giveUp(code);
    };
  }

  async #credential() {
    const token = await this.#options.credential(this.#mustRenew);
    this.#mustRenew = false;
    return token;
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

  #receive(socket, text, token) {
    if (this.#socket !== socket) return;
    let replies;
    try {
      replies = wire.decode(text);
    } catch {
      return this.#fail();
    }
    this.#heard();
    for (const reply of replies) {
      if (this.#socket !== socket) return;
      if (reply.error) this.#refused(reply.error);
      else if (reply.connect) this.#connected(reply.connect, token);
      else if (reply.refresh) this.#scheduleRefresh(reply.refresh);
      else if (reply.subscribe) this.#subscribed(reply.subscribe);
      else if (reply.push) this.#pushed(reply.push);
      else if (Object.keys(reply).length === 0 && this.#pong) this.#send({});
    }
  }

  #connected(result, token) {
    this.#timers.cancel("open");
    const account = wire.accountOf(result);
    // The cookie that was to do is worth nothing: this would be the page as anybody sees it.
    if (token === "" && account === null) return this.#fail(true);
    if (account !== this.#account) {
      this.#account = account;
      this.#emit("account", { account });
    }
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
      this.#timers.after("resubscribe", this.#options.random() * RESUBSCRIBE_WITHIN_MS, () => this.#subscribe());
    }
  }

  /** A hole: ask again from the last offset that was folded. */
  #resubscribe() {
    this.#send({ id: this.#id(), unsubscribe: { channel: this.#channel } });
    this.#subscribe();
  }

  #subscribe() {
    this.#send(wire.subscribeCommand(this.#id(), this.#channel, this.#position));
  }

  #refused(error) {
    if (error.code === 109) return this.#fail(true);
    if (wire.isTemporary(error)) return this.#fail();
    this.#giveUp(error.code);
  }

  #scheduleRefresh({ expires, ttl }) {
    if (!expires || !ttl) return;
    this.#timers.after("refresh", ttl * 1_000, async () => {
      const token = await this.#options.credential(true).catch(() => null);
      if (token) this.#send({ id: this.#id(), refresh: { token } });
    });
  }

  /** Close what is broken and come back. */
  #fail(mustRenew = false) {
    this.#dropSocket();
    this.#retry(mustRenew);
  }

  #retry(mustRenew = false) {
    this.#mustRenew ||= mustRenew;
    this.#setState("reconnecting");
    this.#timers.after("retry", wire.backoff(this.#attempt++, this.#options.random), () => this.#connect());
  }

  #socketFailed() {
    this.#dropSocket();
    this.#failures += 1;
    if (this.#failures >= SOCKET_FAILURES_BEFORE_STREAM && !this.#stream) this.#openStream();
    if (this.#stream?.isLive) this.#tryBesideStream();
    else this.#retry();
  }

  #tryBesideStream() {
    this.#timers.after("retry", SOCKET_RETRY_BESIDE_STREAM_MS, () => this.#connect());
  }

  #giveUp(code) {
    this.stop();
    this.#emit("refused", { code });
  }

  #dropSocket() {
    const socket = this.#socket;
    this.#socket = null;
    this.#timers.cancel("open", "ping", "refresh", "resubscribe");
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  #heard() {
    this.#heardAt = Date.now();
    if (this.#socket && this.#pingMs) this.#timers.after("ping", this.#pingMs + PING_GRACE_MS, () => this.#fail());
  }

  // ── server-sent events ───────────────────────────────────────────────────────────────────────────────────

  #openStream() {
    this.#stream = new PageEvents(this.#options.base, this.#options.slug, {
      heard: () => { this.#heardAt = Date.now(); },
      snapshot: (snapshot) => {
        if (snapshot.epoch !== this.#position?.epoch || snapshot.offset !== this.#position.offset) this.#restart(snapshot);
      },
      event: (offset, event) => this.#fold(offset, event),
      live: () => {
        this.#tryBesideStream();
        this.#setState("live");
      },
      broke: () => {
        const wasLive = this.#stream?.isLive;
        this.#dropStream();
        if (wasLive) this.#retry();
      },
    });
  }

  #dropStream() {
    this.#stream?.close();
    this.#stream = null;
  }

  // ── REST, while there is neither ─────────────────────────────────────────────────────────────────────────

  async #poll() {
    this.#timers.after("poll", POLL_MS * (0.75 + this.#options.random() / 2), () => this.#poll());
    try {
      const read = (path) => readPage(this.#options.base, this.#options.slug, path, this.#options.credential);
      await catchUp(read, this.#position, (offset, event) => this.#fold(offset, event), (snapshot) => this.#restart(snapshot));
      this.#heardAt = Date.now();
      this.#emit("state", { state: this.#state });
    } catch (error) {
      // Else the server is away or the network is: the next poll, or the socket, will tell.
      if (error instanceof NotThere) this.#giveUp(NOT_YOURS);
    }
  }

  // ── state ────────────────────────────────────────────────────────────────────────────────────────────────

  #setState(state) {
    if (state === "reconnecting" && (this.#state === "stale" || this.#stream?.isLive)) return;
    if (state === "live" || state === "ended") {
      this.#timers.cancel("stale", "poll");
    } else if (!this.#timers.has("stale") && this.#state !== "stale") {
      this.#timers.after("stale", STALE_AFTER_MS, () => {
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
    if (this.#stopped || document.visibilityState === "hidden") return;
    const isSilent = this.#pingMs && Date.now() - this.#heardAt > this.#pingMs + PING_GRACE_MS;
    if (this.#socket && isSilent) this.#fail(); // the machine slept, and with it the timers
    if (this.#socket || this.#stream?.isLive) return;
    this.#attempt = 0;
    this.#connect();
  };

  /** The network says itself that it is gone. */
  #lose = () => {
    if (this.#socket) this.#fail();
  };

  /** Left, perhaps to be shown again as it was (from the browser's memory of the way back): not live until it is. */
  #away = () => {
    this.#leave();
    this.#setState("reconnecting");
  };

  #leave = () => {
    this.#asked += 1;
    this.#dropSocket();
    this.#dropStream();
  };

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
