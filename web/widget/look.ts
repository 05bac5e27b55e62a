/** How the chat of a site looks and speaks: its name, its picture, its words. */

import { button, icon, make, safeUrl } from "./elements";
import type { Language, WidgetConfig } from "./protocol";

const CROSS = "M6 6l12 12M18 6L6 18";

export let config: WidgetConfig;
/** The words of the interface. */
export let texts: Language["words"];

export function setLook(given: WidgetConfig): void {
  config = given;
  texts = given.language.words;
}

/** Makes what does not push itself forward: a dialog beside the page, never before it, headed by the site's name. */
export function dialog(className: string, close: () => unknown, ...children: Node[]): HTMLElement {
  const { name } = config;
  const closing = Object.assign(button("close", close, icon(CROSS)), { ariaLabel: texts.close });
  const head = make("div.head", {}, avatar(), make("div.name", { dir: "auto" }, name), closing);
  const traits = { role: "dialog", ariaModal: "false", ariaLabel: name || "Chat", tabIndex: -1 };
  return make(`section.${className}`, traits, head, ...children);
}

/** Shows the site's logo; its first letter without one, or where the page lets no picture in. */
function avatar(): HTMLElement {
  const letter = make("span.avatar", { ariaHidden: "true" }, [...config.name][0] ?? "");
  const logo = safeUrl(config.branding.logo);
  if (!logo) return letter;
  const onerror = (): void => picture.replaceWith(letter);
  const picture = make("img.avatar", { alt: "", referrerPolicy: "no-referrer", src: logo.href, onerror });
  return picture;
}
