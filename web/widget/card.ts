/** The proactive card above the launcher, or the one line that opens it. */

import type { Entry } from "./conversation";
import { button, hasFocus, linked, make, words } from "./elements";
import { config, dialog } from "./look";
import { makeReplies } from "./replies";
import { dismiss } from "./shell";

/** Announces what comes into it, and so is there before. */
export let cards: HTMLElement;
/** The message that is shown. */
export let shown: Entry | undefined;
let replies: HTMLElement | undefined;

export function makeCards(): void {
  cards = make("div.cards", { role: "log", ariaLive: "polite", ariaLabel: config.name });
  showCard(shown);
}

/** Shows a message, or nothing. */
export function showCard(entry?: Entry): void {
  shown = entry;
  if (!entry) cards.replaceChildren();
  else if (entry.display_ === "bubble") fill("card line", entry, button("", () => showAll(entry), entry.text_));
  else showAll(entry);
}

/** Follows what became of the message that is shown. */
export function drawCard(): void {
  if (shown?.isAnswered_) replies?.remove();
}

function showAll(entry: Entry): void {
  const hadFocus = hasFocus(cards);
  replies = makeReplies(entry);
  const card = fill("card", entry, words("text", ...linked(entry.text_)), replies);
  // Who opened the line goes on in what it opened.
  if (hadFocus) card.focus();
}

function fill(className: string, entry: Entry, ...children: Node[]): HTMLElement {
  const card = dialog(className, () => dismiss(entry), ...children);
  card.part.add("card");
  cards.replaceChildren(card);
  return card;
}
