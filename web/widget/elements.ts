/** Makes elements without ever reading a text as HTML. */

import { guarded } from "./guard";

const SVG = "http://www.w3.org/2000/svg";
const LINK = /https?:\/\/[^\s<>"]+/gi;
const AFTER_LINK = /[.,;:!?'")\]}]+$/;

type Tags = HTMLElementTagNameMap;
type Children = (Node | string)[];
type Properties<E> = Partial<Omit<E, "part">> & { part?: string };

/** Makes an element from its tag and classes, such as `div.row note`; a child that is a text stays text. */
export function make<K extends keyof Tags>(
  what: K | `${K}.${string}`,
  properties?: Properties<Tags[K]>,
  ...children: Children
): Tags[K] {
  const [tag, className = ""] = what.split(".");
  const element = Object.assign(document.createElement(tag as K), { className }, properties);
  element.append(...children);
  return element;
}

/** Makes text that a visitor reads, in the direction that it has. */
export function words(className: string, ...children: Children): HTMLElement {
  return make(`div.${className}`, { part: "message", dir: "auto" }, ...children);
}

export function button(className: string, press: () => unknown, ...children: Children): HTMLButtonElement {
  return make(`button.${className}`, { type: "button", dir: "auto", onclick: guarded(press) }, ...children);
}

/** Draws a path of strokes, 24 by 24. */
export function icon(strokes: string): SVGElement {
  const picture = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  picture.setAttribute("viewBox", "0 0 24 24");
  path.setAttribute("d", strokes);
  picture.append(path);
  return picture;
}

/** Tells whether the visitor's focus is inside an element of the chat. */
export function hasFocus(element: Element): boolean {
  return element.contains((element.getRootNode() as ShadowRoot).activeElement);
}

/** Cuts a text into its words and its links, http and https alone. */
export function linked(text: string): Children {
  const parts: Children = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(LINK)) {
    const href = found.replace(AFTER_LINK, "");
    parts.push(text.slice(end, index), make("a", { href, target: "_blank", rel: "noopener" }, href));
    end = index + href.length;
  }
  return [...parts, text.slice(end)];
}

/** Reads an address that may be opened or shown: http, https, or root-relative on this site. */
export function safeUrl(text: string | null | undefined): URL | undefined {
  try {
    const url = new URL(text!, location.href);
    // "//elsewhere", also behind tabs that the parser leaves out, is root-relative by its looks alone.
    if (/^https?:/i.test(text!) || (text![0] === "/" && url.origin === location.origin)) return url;
  } catch {
    // What cannot be read is not opened.
  }
  return;
}
