/** Holds the chat together: the launcher, the card, the panel, and what the visitor does with them. */

import { approach, forgetUnread, turn } from "./approach";
import { cards, drawCard, makeCards, showCard, shown } from "./card";
import { type Entry, forgetEntries, shownEntries } from "./conversation";
import { hasFocus, safeUrl } from "./elements";
import { guarded, listen } from "./guard";
import { enterPage, host, leavePage, makeHost, root } from "./host";
import { drawLauncher, launcher, makeLauncher } from "./launcher";
import { click, report, say } from "./line";
import { config, setLook } from "./look";
import { tell } from "./page_events";
import { drawPanel, focusPanel, makePanel, panel, toEnd } from "./panel";
import type { QuickReply, WidgetConfig } from "./protocol";
import { track } from "./transport";

/** A page of this site is opened this soon, also when the click is not stored yet. */
const OPEN_MS_MAX = 1_500;

/** There is something to draw: a session is there. */
export let isShown = false;
let isOpen = false;
let isDue = false;
/** The message that opened the panel by itself: closing the panel dismisses it. */
let opener: Entry | undefined;
/** Where the visitor's focus was before it came into the chat, or into the panel. */
let cameFrom: HTMLElement | undefined;

// ---- what the connection tells

/** Shows the chat of a site; another language or another look makes all of it anew. */
export function begin(given: WidgetConfig): void {
  const isSame = isShown && JSON.stringify(given) === JSON.stringify(config);
  if (isSame) return;
  if (!host) {
    makeHost();
    listenToKeys();
  }
  isShown = true;
  setLook(given);
  makeCards();
  makePanel();
  makeLauncher(toggle);
  turnPanel();
  const { widget, language } = given;
  Object.assign(root, { dir: language.direction, className: `root ${widget.position}` });
  root.style.setProperty("--color", widget.primaryColor);
  root.replaceChildren(cards, panel, launcher);
  enterPage();
  draw();
}

/** Nothing may be shown any more. */
export function end(): void {
  forgetEntries(true);
  if (!isShown) return;
  showCard();
  leavePage();
  opener = undefined;
  isShown = isOpen = false;
}

// ---- what the page asks

/** Opens the panel; the focus goes there only when a key or click of the visitor in the chat asked for it. */
export function open(isAsked?: boolean, toInput?: boolean): void {
  if (!isShown) return;
  if (!isOpen) {
    isOpen = true;
    showCard();
    turnPanel();
    draw();
    toEnd();
    track("widget_opened");
  }
  if (isAsked) focusPanel(toInput);
}

export function close(): void {
  if (!isOpen) return;
  const hadFocus = hasFocus(panel);
  const unanswered = opener;
  isOpen = false;
  opener = undefined;
  turnPanel();
  track("widget_closed");
  if (unanswered && !unanswered.isAnswered_) dismiss(unanswered);
  if (hadFocus) giveFocusBack();
  drawSoon();
}

// ---- drawing

/** Shows the panel or the place of cards, never both. */
function turnPanel(): void {
  cards.hidden = isOpen;
  panel.hidden = !isOpen;
}

function draw(): void {
  if (!isShown) return;
  approach();
  if (isOpen) {
    const hadFocus = hasFocus(panel);
    drawPanel();
    for (const entry of shownEntries()) entry.isUnseen_ = false;
    // What had the focus, a reply or a slot, may be gone: the visitor goes on beside it.
    if (hadFocus && !hasFocus(panel)) focusPanel();
  }
  drawCard();
  drawLauncher(isOpen, shownEntries().filter((entry) => entry.isUnseen_ && entry.id_ !== shown?.id_).length);
}

/** Draws once for all that changes in this turn. */
export function drawSoon(): void {
  if (isDue) return;
  isDue = true;
  const work = (): void => {
    isDue = false;
    draw();
  };
  queueMicrotask(guarded(work));
}

/** Nothing is in the way of a message that nobody asked for. */
export function hasRoom(): boolean {
  return isShown && (isOpen || !shown);
}

/** Shows a message that nobody asked for; the focus stays where it is. */
export function show(entry: Entry): void {
  tell("displayed", { messageId: entry.id_, text: entry.text_ });
  if (!isOpen && entry.display_ === "open") {
    opener = entry;
    open();
  } else if (!isOpen) showCard(entry);
  drawSoon();
}

// ---- what the visitor does

function toggle(): void {
  if (isOpen) return close();
  cameFrom = launcher;
  open(true);
}

/** Sends own words, or sends them again. */
export function deliver(entry: Entry): void {
  const settle = (progress: "own" | "failed") => () => {
    if (entry.progress_ === "sending") entry.progress_ = progress;
    drawSoon();
  };
  entry.progress_ = "sending";
  drawSoon();
  say(entry.text_, entry.id_).then(settle("own"), settle("failed"));
}

/** Carries out a click on a reply; rejects when it could not be stored. */
export async function choose(entry: Entry, reply: QuickReply): Promise<void> {
  const { action, text, value } = reply;
  const isDismissal = action === "dismiss";
  const hadFocus = hasFocus(root);
  const before = cameFrom;
  const clicked = sendClick(entry, reply);
  // A dismissal that is only a report is kept for later, where a click cannot be.
  if (isDismissal) clicked.catch(() => report(entry.id_, "dismissed"));
  else await clicked;
  tell("reply", { messageId: entry.id_, text, value });
  entry.isAnswered_ = true;
  if (isDismissal) return leaveScreen(entry);
  opener = undefined;
  if (isOpen) draw();
  open(hadFocus && isPageFree(), action === "ask" || undefined);
  // The focus left with the reply that was clicked, and came back from nowhere.
  cameFrom = before;
}

/** Tells the server of a click, and opens what it opens. */
async function sendClick(entry: Entry, { action, url, value, text }: QuickReply): Promise<void> {
  const target = action === "open" && safeUrl(url);
  const isOurs = target && target.origin === location.origin;
  // Another site's page opens within the click itself: later a browser would block it.
  if (target && !isOurs) window.open(target, "_blank", "noopener");
  const clicked = click(entry.id_, value, text);
  if (!isOurs) return clicked;
  await Promise.race([clicked.catch(() => 0), new Promise((end) => setTimeout(end, OPEN_MS_MAX))]);
  location.assign(target);
}

export function dismiss(entry: Entry): void {
  report(entry.id_, "dismissed");
  leaveScreen(entry);
}

function leaveScreen(entry: Entry): void {
  entry.isUnseen_ = false;
  forgetUnread(entry);
  if (shown === entry) {
    const hadFocus = hasFocus(cards);
    showCard();
    if (hadFocus) giveFocusBack();
  }
  tell("dismissed", { messageId: entry.id_ });
  drawSoon();
}

// ---- keys and focus

function listenToKeys(): void {
  listen(host, "focusin", ({ relatedTarget }: FocusEvent) => {
    cameFrom = relatedTarget instanceof HTMLElement ? relatedTarget : undefined;
  });
  // The page's shortcuts cannot see that an input of ours has the focus.
  for (const type of ["keydown", "keypress", "keyup"]) {
    root.addEventListener(type, (event) => event.stopPropagation());
  }
  root.onkeydown = guarded(escape);
  // Keys inside of the chat never come here.
  addEventListener("keydown", guarded((event: KeyboardEvent) => isPageFree() && escape(event)));
  listen(document, "visibilitychange", turn);
}

/** Tells whether the page itself leaves the focus to us. */
function isPageFree(): boolean {
  const { activeElement, body } = document;
  return !activeElement || activeElement === body || activeElement === host;
}

function escape(event: KeyboardEvent): void {
  if (event.key !== "Escape" || event.defaultPrevented || event.isComposing) return;
  if (shown) dismiss(shown);
  else close();
}

function giveFocusBack(): void {
  (cameFrom?.isConnected ? cameFrom : launcher).focus({ preventScroll: true });
}
