// Elements without markup in strings: nothing that comes from a worker can become a tag.

/** Make an element: attributes, `on…` handlers and children; null and "" are left out. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== ""));
  return element;
}

/** Replace the children of an element, unless they would be the same. */
export function put(element, ...children) {
  const next = children.flat().filter((child) => child !== null);
  const now = [...element.childNodes];
  if (now.length === next.length && now.every((node, at) => node.isEqualNode?.(asNode(next[at])))) return;
  element.replaceChildren(...next);
}

function asNode(child) {
  return typeof child === "string" ? document.createTextNode(child) : child;
}

/** Set a text without touching what is the same already: a screen reader reads changes. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const SVG = "http://www.w3.org/2000/svg";

/** A small line of numbers, the highest of them at the top. */
export function spark(numbers, width = 120, height = 24) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("class", "spark");
  svg.setAttribute("aria-hidden", "true");
  const top = Math.max(...numbers, 1e-9);
  const step = width / Math.max(numbers.length - 1, 1);
  const points = numbers.map((each, at) => `${(at * step).toFixed(1)},${(height - 1 - (each / top) * (height - 2)).toFixed(1)}`);
  const line = document.createElementNS(SVG, "polyline");
  line.setAttribute("points", points.join(" "));
  svg.append(line);
  return svg;
}
