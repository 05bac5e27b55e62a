/** The open chat: what was said, what can be chosen, and where to write. */

import { input, makeComposer } from "./composer";
import { type Entry, isTyping, shownEntries, status, waitS } from "./conversation";
import { make, makeDots, words } from "./elements";
import { config, dialog, texts } from "./look";
import { makeRow, type Row } from "./rows";
import { close } from "./shell";

/** A log that stands this near to its end follows it. */
const NEAR_END_PX = 80;
const MINUTE_S = 60;

export let panel: HTMLElement;
let log: HTMLElement;
let queue: HTMLElement;
let greeting: HTMLElement;
let dots: HTMLElement;
let rows: Map<Entry, Row>;

/** Makes the panel anew, as the site looks now. */
export function makePanel(): void {
  rows = new Map();
  queue = make("div.note", { role: "status" });
  greeting = make("div.row", {}, words("bubble", config.widget.greeting));
  dots = makeDots();
  log = make("div.log", { role: "log", tabIndex: 0, ariaLabel: texts.open }, greeting, dots);
  panel = dialog("panel", close, log, queue, makeComposer());
}

/** Draws what changed. */
export function drawPanel(): void {
  const entries = shownEntries();
  const newest = entries.at(-1);
  const isOwnNew = newest?.from_ === "visitor" && !rows.has(newest);
  follow(() => {
    drawRows(entries);
    greeting.hidden = !config.widget.greeting || (!!entries[0] && entries[0].from_ !== "visitor");
    dots.hidden = !isTyping;
    const minutes = Math.max(1, Math.ceil(waitS / MINUTE_S));
    queue.textContent = status === "queued" ? texts.wait.replace("#", `${minutes}`) : "";
  }, isOwnNew);
}

/** Follows the end of the log through a change of it, unless the visitor reads older words. */
export function follow(change: () => void, isSure?: boolean): void {
  const isFollowing = isSure || log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END_PX;
  change();
  if (isFollowing) toEnd();
}

export function toEnd(): void {
  log.scrollTop = log.scrollHeight;
}

/** Moves the focus to the input; on a touch screen, where that covers half of it, to the panel. */
export function focusPanel(toInput = matchMedia("(pointer:fine)").matches): void {
  (toInput ? input : panel).focus();
}

function drawRows(entries: Entry[]): void {
  for (const [entry, { element_ }] of rows) {
    if (entries.includes(entry)) continue;
    element_.remove();
    rows.delete(entry);
  }
  for (const entry of entries) {
    const row = rows.get(entry) ?? makeRow(entry);
    if (!rows.has(entry)) dots.before(row.element_);
    rows.set(entry, row);
    row.draw_();
  }
}
