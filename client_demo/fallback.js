/** Two ways to follow a page where sockets are blocked: server-sent events, and asking again and again by REST. */

const STREAM_SILENCE_MS = 40_000; // `alive` comes after 15 s without another event
const ANSWER_TIMEOUT_MS = 5_000;

/**
 * `/p/{slug}/events`. `on`: heard() at any sign of life; snapshot(snapshot); event(offset, event) → false when something
 * before it is missing; live() once it is up to date; broke() when it is over.
 */
export class PageEvents {
  #source;
  #timer;
  #on;
  isLive = false;

  constructor(base, slug, on) {
    this.#on = on;
    this.#source = new EventSource(new URL(`/p/${slug}/events?alive=event`, base), { withCredentials: true });
    for (const name of ["open", "alive"]) this.#source.addEventListener(name, () => this.#alive());
    this.#source.addEventListener("snapshot", ({ data }) => {
      on.snapshot(JSON.parse(data));
      this.#live();
    });
    this.#source.addEventListener("message", ({ data, lastEventId }) => {
      if (on.event(Number(lastEventId), JSON.parse(data))) this.#live();
      else on.broke();
    });
    this.#source.addEventListener("error", () => on.broke());
  }

  close() {
    clearTimeout(this.#timer);
    this.#source.close();
  }

  #alive() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#on.broke(), STREAM_SILENCE_MS);
    this.#on.heard();
  }

  #live() {
    this.#alive();
    this.isLive = true;
    this.#on.live();
  }
}

/** What REST answers about a page that is not there, or not for whoever asks. */
export class NotThere extends Error {}

/**
 * `data` of `GET /api/v1/pages/{slug}/{path}`, asked by whoever `credential` makes sure of; it is told when the answer is
 * 401. Throws NotThere, else Error.
 */
export async function readPage(base, slug, path, credential) {
  const url = new URL(`/api/v1/pages/${slug}/${path}`, base);
  const ask = async (mustRenew) => {
    await credential(mustRenew);
    return fetch(url, { credentials: "same-origin", signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
  };
  let response = await ask(false);
  if (response.status === 401) response = await ask(true);
  if (response.status === 404) throw new NotThere();
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return (await response.json()).data;
}

/** From `position` on: `fold(offset, event)` what was missed, or `restart(snapshot)` where that is not to be had. */
export async function catchUp(read, position, fold, restart) {
  if (position) {
    const { epoch, offset } = position;
    const found = await read(`history?after=${offset}&epoch=${encodeURIComponent(epoch)}&limit=100`);
    const isWhole = found.recovered && found.epoch === epoch;
    if (isWhole && found.publications.every(({ offset: at, data }) => fold(at, data))) return;
  }
  restart(await read("snapshot"));
}
