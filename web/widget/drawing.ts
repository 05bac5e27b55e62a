/** How the parts of the chat ask for what concerns all of them, and for one drawing of all that changed. */

import type { Entry } from "./conversation";
import { guarded } from "./guard";
import type { QuickReply } from "./protocol";

/** What the shell does for the parts that it is made of. */
interface Acts {
  draw_(): void;
  /** Nothing is in the way of a message that nobody asked for. */
  hasRoom_(): boolean;
  show_(entry: Entry): void;
  /** Carries out a click on a reply; rejects when it could not be stored. */
  choose_(entry: Entry, reply: QuickReply): Promise<void>;
  dismiss_(entry: Entry): void;
  /** Sends own words, or sends them again. */
  deliver_(entry: Entry): void;
  close_(): void;
}

/** Filled by the shell. */
export const acts = {} as Acts;
let isDue = false;

/** Draws once for all that changes in this turn. */
export function drawSoon(): void {
  if (isDue) return;
  isDue = true;
  const work = (): void => {
    isDue = false;
    acts.draw_();
  };
  queueMicrotask(guarded(work));
}
