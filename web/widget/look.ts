/** How the chat of a site looks and speaks: its name, its picture, its words, its dates. */

import { button, icon, make, safeUrl } from "./elements";
import type { Language, Slot, WidgetConfig } from "./protocol";
import { context } from "./session";

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

/** Writes when a slot is, on its calendar's clock: its day, named with the clock where that is not ours, and its hours. */
export function slotTimes(slot: Slot, timeZone: string | undefined): [string, string] {
  const from = new Date(slot.appointment_slot);
  const { locale } = config.language;
  try {
    const zone = timeZone && { timeZone };
    const named = timeZone !== context.timezone && ({ timeZoneName: "short" } as const);
    const day = { weekday: "short", day: "numeric", month: "short", ...zone, ...named } as const;
    const hours = Intl.DateTimeFormat(locale, { timeStyle: "short", ...zone });
    return [from.toLocaleDateString(locale, day), hours.formatRange(from, new Date(slot.end))];
  } catch {
    // A locale or zone that this browser does not know: the server's own words will do.
    return [slot.date, slot.time];
  }
}
