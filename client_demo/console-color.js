/** Which shade of a brand colour can be read on light and on dark: the same rule as hub/domain/color.py, by whole numbers. */

export const READABLE = 4.5;
const LIGHT = ["#fbfbfa", "#ffffff"]; // --ground and --card of base.css
const DARK = ["#0f1214", "#171b1f"];
const STEPS = 256;

export const isColor = (text) => /^#[0-9a-f]{6}$/.test(text);

const parts = (color) => [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);

function luminance(color) {
  const [red, green, blue] = parts(color).map((part) => linear(part / 255));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** From 1 (the same) to 21 (black and white). */
export function contrast(one, other) {
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

function mixed(color, end, step) {
  const others = parts(end);
  const shades = parts(color).map((part, at) => Math.floor((part * (STEPS - step) + others[at] * step + STEPS / 2) / STEPS));
  return `#${shades.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

function toward(end, color, grounds) {
  for (let step = 0; step <= STEPS; step += 1) {
    const shade = mixed(color, end, step);
    if (grounds.every((ground) => contrast(shade, ground) >= READABLE)) return shade;
  }
  return end;
}

/** {light, dark}: each with the ground it stands on, the shade that is shown, and the contrast of both. */
export function shades(color) {
  const of = (end, grounds) => ({ ground: grounds[1], own: contrast(color, grounds[1]), shade: toward(end, color, grounds) });
  return { light: of("#000000", LIGHT), dark: of("#ffffff", DARK) };
}
