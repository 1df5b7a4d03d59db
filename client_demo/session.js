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

/** A fresh access token (and cookie), or null when the session is over. Tabs and calls at once share one request. */
export function refresh() {
  renewing ??= once("POST", "/auth/refresh")
    .then(({ data }) => data.access_token, () => null)
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
