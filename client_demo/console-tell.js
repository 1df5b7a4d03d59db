/** Nothing that notifies is sent by one key or press: what it looks like, and how many see it, is looked at first. */

import { ask } from "./forms.js";
import { Preview } from "./console-preview.js";

/** A preview of what `read()` gives, there already; throws what the hub refuses of it, to be said in the form. */
export async function lookAt(desk, read, isNews = () => true) {
  const preview = new Preview(desk, read, isNews);
  await preview.load();
  const { problem } = preview;
  if (problem && problem.status >= 400 && problem.status < 500) throw problem;
  return preview;
}

/** `ask`, with what every kind of visitor will see of `draft` and how many have the page open now. */
export async function askToTell(desk, title, draft, answers, body = []) {
  const preview = await lookAt(desk, () => draft);
  return ask(title, [...body, preview.element], answers);
}

/** Whether to go on: at once where nobody is to be told, else after one look and one more key. */
export async function mayTell(desk, isNews, title, draft, answer) {
  return !isNews || (await askToTell(desk, title, draft, [["tell", answer], ["back", "Back to my text"]])) === "tell";
}
