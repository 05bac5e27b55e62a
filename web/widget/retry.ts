/** When a request that failed is made again: later each time, and not for ever. */

import { after, type Timer } from "./guard";
import type { Answer } from "./server";

const RETRY_MS = 3_000;
const RETRY_MAX_MS = 1_800_000;
const TRIES_MAX = 10;
/** Where nothing comes back at all, something is in the way that a few seconds do not remove. */
const SILENT_TRIES_MAX = 3;

/** Nothing is sent before the next try. */
export let isWaiting = false;
export let tries = 0;
let timer: Timer;

/** Tries again in a while, and not before the server asks for it. */
export function retry({ status_, waitMs_ }: Answer, again: () => void): void {
  stopWaiting();
  isWaiting = true;
  if (tries >= (status_ ? TRIES_MAX : SILENT_TRIES_MAX)) return;
  timer = after(Math.max(waitMs_, spread(Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** tries++))), again);
}

export function stopWaiting(): void {
  clearTimeout(timer);
  isWaiting = false;
}

export function countTries(count: number): void {
  tries = count;
}

/** Draws a time between half of the given one and all of it, so that not all visitors come back at once. */
export function spread(atMostMs: number): number {
  return atMostMs * (0.5 + Math.random() / 2);
}
