/** What this browser keeps for the widget: one record of the tab, and after a grant one of the visitor. */

import type { ConsentState, TrackedEvent, WidgetConfig } from "./protocol";
import { snippet } from "./snippet";

/** Names of the first five are those of `SessionStarted`: its answer is kept as it comes. */
export interface Kept {
  sessionId?: string;
  visitorId?: string;
  visitorToken?: string;
  wsUrl?: string;
  config?: WidgetConfig;
  /** The language that the page asked for; another page may ask for another. */
  locale?: string | undefined;
  /** Unix milliseconds; until then the next page goes on without asking for the session again. */
  freshUntil?: number;
  consent?: ConsentState | undefined;
  /** The proof that made the session a known user's, so that it is sent once. */
  identity?: string;
  queue?: TrackedEvent[];
}

/** Where: of the tab, and of the site. */
export type Area = "sessionStorage" | "localStorage";

const key = (): string => `opportune:${snippet.widget}`;

/** Reads a record; a storage that is blocked or broken has none. */
export function read(area: Area): Kept {
  try {
    return JSON.parse(window[area].getItem(key())!) || {};
  } catch {
    return {};
  }
}

/** Keeps a record in place of the one before; without one, removes it. */
export function write(area: Area, kept?: Kept): void {
  try {
    if (kept) window[area].setItem(key(), JSON.stringify(kept));
    else window[area].removeItem(key());
  } catch {
    // The visitor has no room to give: this page load does without.
  }
}
