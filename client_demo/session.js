/** Talking to our own REST API from a page: the envelope, the cookie session, and its silent renewal. Shared by all pages. */

export class ApiError extends Error {
  /** status: HTTP; code, fields: of the envelope; data: on 409 the stored object. */
  constructor(status, { error, data }) {
    super(error?.message ?? "The hub did not answer.");
    this.status = status;
    this.code = error?.code ?? "unreachable";
    this.fields = error?.fields ?? null;
    this.data = data ?? null;
  }
}

async function once(method, path, body, headers) {
  let response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      credentials: "same-origin",
      headers: { ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0, {});
  }
  const envelope = await response.json().catch(() => ({}));
  if (!response.ok) throw new ApiError(response.status, envelope);
  return envelope;
}

let renewing = null;
const FLAG = "hub-session"; // the cookies cannot be read from here: this only says that there may be some

/** May this browser have a session? Asking for a renewal without one would be an error for nothing. */
export function mayHaveSession() {
  try { return localStorage.getItem(FLAG) === "1"; } catch { return true; }
}

export function noteSession(isThere) {
  try {
    if (isThere) localStorage.setItem(FLAG, "1");
    else localStorage.removeItem(FLAG);
  } catch { /* storage is off: renewals are tried */ }
}

/** A fresh access token (and cookie), or null when the session is over. Tabs and calls at once share one request. */
export function refresh() {
  if (!mayHaveSession()) return Promise.resolve(null);
  renewing ??= once("POST", "/auth/refresh")
    .then(
      ({ data }) => data.access_token,
      (error) => {
        if (error.status === 401) noteSession(false);
        return null;
      },
    )
    .finally(() => { renewing = null; });
  return renewing;
}

/** One call; a token that has run out is renewed once. Returns `data`; throws ApiError. */
export async function api(method, path, body, headers = {}) {
  try {
    return (await once(method, path, body, headers)).data;
  } catch (error) {
    if (error.status !== 401 || path.startsWith("/auth/") || !(await refresh())) throw error;
    return (await once(method, path, body, headers)).data;
  }
}
