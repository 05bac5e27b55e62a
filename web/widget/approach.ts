/** Brings a message on screen that nobody asked for: in a visible tab, in one tab, before its time is over. */

import { blip } from "./blip";
import { type Entry, nextWaiting, seen } from "./conversation";
import { acts } from "./drawing";
import { after, guarded, type Timer } from "./guard";
import { report } from "./line";

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
  return document.hidden || !acts.hasRoom_() ? undefined : nextWaiting();
}

function display(entry: Entry): void {
  asked = undefined;
  // While the tabs agreed it may have been withdrawn, or this tab hidden.
  if (next() !== entry) return;
  entry.isWaiting_ = false;
  seen.add(entry.id_);
  report(entry.id_, "displayed");
  unread.add(entry);
  acts.show_(entry);
  watch();
  if (entry.hasSound_) blip();
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
