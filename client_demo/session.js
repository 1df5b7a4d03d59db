/** Talking to our own REST API from a page: the envelope, the cookie session, and its silent renewal. Shared by all pages. */

export class ApiError extends Error {
  /** status: HTTP; code, fields: of the envelope; data: on 409 the stored object; retryAfter_s: on 429, where it is said. */
  constructor(status, { error, data }, retryAfter_s = null) {
    super(error?.message ?? "The hub did not answer. Try again in a moment.");
    this.status = status;
    this.code = error?.code ?? "unreachable";
    this.fields = error?.fields ?? null;
    this.data = data ?? null;
    this.retryAfter_s = retryAfter_s;
  }
}

/** `body`: a value, sent as JSON, or a file, sent as it is. */
async function once(method, path, body, headers) {
  const isFile = body instanceof Blob;
  let response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      credentials: "same-origin",
      keepalive: method === "DELETE", // goes through although the page is left meanwhile
      headers: { ...(body === undefined || isFile ? {} : { "Content-Type": "application/json" }), ...headers },
      body: body === undefined || isFile ? body : JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0, {});
  }
  const envelope = await response.json().catch(() => ({}));
  if (!response.ok) throw new ApiError(response.status, envelope, Number(response.headers.get("retry-after")) || null);
  return envelope;
}

// The cookies cannot be read from here. What is noted, for all tabs: whose session there is, and until when its access
// cookie is good. Asking for a renewal without a session would be an error for nothing.
const NOTE = "hub-session";
const MARGIN_MS = 10_000;
const isGood = (until) => until - MARGIN_MS > Date.now();
let kept = null; // the note, where storage is off
let isOver = false; // the hub has said so
let held = null; // the last access token that this tab was given

function read() {
  let text = kept;
  try {
    text = localStorage.getItem(NOTE);
  } catch {
    // Storage is off: what this page knows has to do, and there may be a session of which it knows nothing.
    if (!text && !isOver) return { account: "", until: 0 };
  }
  if (!text) return null;
  const [account, until] = text.split(" ");
  return { account, until: Number(until) || 0 };
}

function write(account, until) {
  isOver = false;
  kept = `${account} ${until}`;
  try { localStorage.setItem(NOTE, kept); } catch { /* storage is off */ }
}

/** There is a session now: `grant` is what a sign-in or a renewal has answered. */
export function noteSession({ access_token: token, expires_in: expires_in_s }) {
  const { sub } = JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
  held = { token, until: Date.now() + expires_in_s * 1_000 };
  write(sub, held.until);
}

/** The server has shown this page to `account`: there is a session, whose cookie may have run out meanwhile. */
export function noteAccount(account) {
  if (read()?.account !== account) write(account, 0);
}

/** There is no session any more. */
export function forgetSession() {
  kept = held = null;
  isOver = true;
  try { localStorage.removeItem(NOTE); } catch { /* storage is off */ }
}

/** The id of the account whose session this browser has, as far as is known here; else null. */
export const sessionAccount = () => read()?.account || null;

/** Whether there is a session whose access cookie has run out: what the server then shows is what anybody sees. */
export function isStale() {
  const note = read();
  return Boolean(note?.account) && !isGood(note.until);
}

/** `tell(account)` when another tab has signed in or out. */
export function watchSession(tell) {
  addEventListener("storage", ({ key, oldValue, newValue }) => {
    const [before, after] = [oldValue, newValue].map((text) => text?.split(" ")[0] ?? null);
    if (key !== NOTE || before === after) return;
    held = null;
    tell(after);
  });
}

let renewing = null;

/** A fresh access token (and cookie), null when there is no session. Throws ApiError when the hub cannot tell. */
export function refresh() {
  if (!read()) return Promise.resolve(null);
  renewing ??= once("POST", "/auth/refresh")
    .then(
      ({ data }) => {
        noteSession(data);
        return data.access_token;
      },
      (error) => {
        if (error.status === 0 || error.status === 429 || error.status >= 500) throw error;
        forgetSession();
        return null;
      },
    )
    .finally(() => { renewing = null; });
  return renewing;
}

/** What a connection signs in with: an access token, "" where the cookie does, null for nobody. Throws as `refresh`. */
export async function credential(mustRenew = false) {
  const note = read();
  if (!note) return null;
  if (mustRenew || !isGood(note.until)) return refresh();
  return held && isGood(held.until) ? held.token : "";
}

/** One call; a token that has run out is renewed once. Returns `data`; throws ApiError. */
export async function api(method, path, body, headers = {}) {
  return (await list(method, path, body, headers)).data;
}

/** As `api`, with what stands beside `data`: `{data, next}`, the cursor of the following page or null. */
export async function list(method, path, body, headers = {}) {
  const call = async () => {
    const { data, meta } = await once(method, path, body, headers);
    return { data, next: meta?.next ?? null };
  };
  try {
    return await call();
  } catch (error) {
    if (error.status !== 401 || path.startsWith("/auth/") || !(await refresh())) throw error;
    return call();
  }
}
