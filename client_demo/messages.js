/**
 * What the page says, in its language: the twin of hub/web/messages.py. The English text is the key; a page in another
 * language brings its messages in an island. A message is a text, or one for each of the language's plural forms.
 */

// By its kind too: on somebody else's page (embed.js) anything may be called that.
const found = globalThis.document?.querySelector('script#messages[type="application/json"]');
const island = JSON.parse(found?.textContent ?? "null");

export const language = island?.language ?? "en";
const catalogue = new Map(Object.entries(island?.messages ?? {}));
const rule = new Intl.PluralRules(language);

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (place, name) => (name in values ? String(values[name]) : place));

function form(key, english, n) {
  const found = catalogue.get(key) ?? english;
  return typeof found === "string" ? found : (found[rule.select(n ?? 0)] ?? found.other);
}

/** `text` in the page's language, with `values` in the places of `{names}`; a value `n` chooses the plural. */
export const _ = (text, values = {}) => fill(form(text, text, values.n), values);

/** The same of a text that English too says in two ways; `one` is the key. */
export const _n = (one, many, n, values = {}) => fill(form(one, n === 1 ? one : many, n), { n, ...values });
