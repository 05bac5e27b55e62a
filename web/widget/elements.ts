/** Makes elements without ever reading a text as HTML. */

import { guarded } from "./guard";

const SVG = "http://www.w3.org/2000/svg";
/** Without the punctuation that follows it in a sentence. */
const LINK = /(https?:\/\/[^\s<>"]*[^\s<>".,;:!?')\]}])/gi;

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

/** Makes what stands for something that is on its way. */
export function makeDots(): HTMLElement {
  return make("div.row", { ariaHidden: "true" }, words("bubble dots", "•••"));
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
  // What the pattern found stands at every other place.
  return text.split(LINK).map((part, place) => {
    return place % 2 ? make("a", { href: part, target: "_blank", rel: "noopener" }, part) : part;
  });
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
