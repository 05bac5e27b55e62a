/** The element of the chat in a page: a shadow root of its own, put back when the page replaces its body. */

import STYLE from "./card_style.css";
import { make } from "./elements";
import { after } from "./guard";
import { isShown } from "./shell";

const NAME = "opportune-chat";
/** Put back this much later: a page that takes it away each time is not fought in a tight loop. */
const PUT_BACK_MS = 100;

export let host: HTMLElement;
/** Everything that is drawn is in it. */
export let root: HTMLElement;
let observer: MutationObserver;

/** Makes the element; nothing of it is in the page yet. */
export function makeHost(): void {
  customElements.define(NAME, class extends HTMLElement {});
  host = document.createElement(NAME);
  root = make("div");
  const shadow = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  shadow.adoptedStyleSheets = [sheet];
  shadow.append(root);
  observer = new MutationObserver(() => host.isConnected || after(PUT_BACK_MS, enterPage));
}

export function leavePage(): void {
  observer.disconnect();
  host.remove();
}

/** Puts the element into the page, and keeps it there while there is something to show. */
export function enterPage(): void {
  const { body, documentElement } = document;
  if (!isShown) return;
  if (!host.isConnected) body?.append(host);
  // The body may be another one each time, or not there yet.
  for (const parent of [document, documentElement, body]) if (parent) observer.observe(parent, { childList: true });
}
