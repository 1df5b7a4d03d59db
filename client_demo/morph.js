/** Elements from plain calls, and changing an element into another without touching what is the same already. */

const SVG = "http://www.w3.org/2000/svg";

/** `h("p", {class: "x"}, "text", child)`; null and false children are left out, attributes with null or false too. */
export function h(tag, attributes, ...children) {
  const element = ["svg", "use", "path"].includes(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === false || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return element;
}

/** An element around HTML that the server made safe (`body_html`). */
export function safeHtml(tag, attributes, html) {
  const element = h(tag, attributes);
  element.innerHTML = html;
  return element;
}

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null);
const isBlank = (node) => node.nodeType === Node.TEXT_NODE && node.data.trim() === "";
/** The first of `node` and its followers that is more than white space between elements. */
const solid = (node) => (node && isBlank(node) ? solid(node.nextSibling) : node);
const fits = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);

/**
 * Make `old` like `fresh`, keeping every node that can be kept: focus, selection, scroll and open folds stay.
 * Elements with `data-keep` are left alone for ever; whether a `<details>` is open is the reader's business.
 */
export function morph(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.hasAttribute("data-keep") && fresh.hasAttribute("data-keep")) return;
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  morphChildren(old, [...fresh.childNodes]);
}

/** Make the children of `parent` like `wanted`: by key where there is one, else by kind and place. */
export function morphChildren(parent, wanted) {
  const kept = new Map([...parent.childNodes].filter(keyOf).map((node) => [keyOf(node), node]));
  let place = solid(parent.firstChild);
  for (const fresh of wanted.filter((node) => !isBlank(node))) {
    const key = keyOf(fresh);
    let found = key ? kept.get(key) : null;
    if (!key && place && fits(place, fresh)) found = place;
    if (found && fits(found, fresh)) {
      if (found === place) place = solid(place.nextSibling);
      else parent.insertBefore(found, place);
      if (found !== fresh) morph(found, fresh);
    } else {
      parent.insertBefore(fresh, place);
    }
  }
  while (place) {
    const next = solid(place.nextSibling);
    place.remove();
    place = next;
  }
}
