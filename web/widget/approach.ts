/** Brings a message on screen that nobody asked for: in a visible tab, in one tab, before its time is over. */

import { type Entry, nextWaiting, seen } from "./conversation";
import { after, guarded, type Timer } from "./guard";
import { report } from "./line";
import { load } from "./parts";
import { hasRoom, show } from "./shell";

/** On screen this long, a message counts as read. */
const READ_MS = 1_000;

let asked: Entry | undefined;
const unread = new Set<Entry>();
let reading: Timer;

/** Looks whether a message may come on screen now. */
export function approach(): void {
  const entry = next();
  if (!entry || entry === asked) return;
  asked = entry;
  claim(entry.id_, guarded(() => display(entry)));
}

/** The tab was shown or hidden. One that got no place asks again: the tab that had it may be gone. */
export function turn(): void {
  asked = undefined;
  watch();
  approach();
}

/** A message went from the screen. */
export function forgetUnread(entry: Entry): void {
  unread.delete(entry);
}

function next(): Entry | undefined {
  return document.hidden || !hasRoom() ? undefined : nextWaiting();
}

function display(entry: Entry): unknown {
  asked = undefined;
  // While the tabs agreed it may have been withdrawn, or this tab hidden.
  if (next() !== entry) return;
  entry.isWaiting_ = false;
  seen.add(entry.id_);
  report(entry.id_, "displayed");
  unread.add(entry);
  show(entry);
  watch();
  return entry.hasSound_ && load("sound").then((sound) => sound.play());
}

function watch(): void {
  clearTimeout(reading);
  if (document.hidden) return;
  reading = after(READ_MS, () => {
    for (const { id_ } of unread) report(id_, "read");
    unread.clear();
  });
}

/** Calls `granted` in the first tab that asks for a message; others hear of its display from the server. */
function claim(messageId: string, granted: () => void): void {
  // Missing outside of secure contexts, though the types promise it.
  const locks = navigator.locks as LockManager | undefined;
  if (!locks) return granted();
  locks
    .request(`opportune:${messageId}`, { ifAvailable: true }, (lock) => {
      if (!lock) return undefined;
      granted();
      // A lock that is held would keep the page from being kept for going back.
      return new Promise<void>((release) => addEventListener("pagehide", () => release(), { once: true }));
    })
    // A page of an opaque origin has no locks: better twice than never.
    .catch(granted);
}
