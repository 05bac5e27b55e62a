/** Whether somebody is there: at most one sign of life in 5 s, and a word when none came for a minute. */

import { after, listen, type Timer } from "./guard";
import { track } from "./transport";

const SIGNS = "pointerdown pointermove keydown scroll touchstart wheel";
const APART_MS = 5_000;
const IDLE_S = 60;

let latestMs = 0;
let telling: Timer;
let idling: Timer;

export function watchActivity(): void {
  listen(document, SIGNS, () => {
    latestMs = Date.now();
    if (!telling) tell();
  });
  rest();
}

function tell(): void {
  const toldMs = latestMs;
  track("active", undefined, { timestamp: new Date(toldMs).toISOString() });
  rest();
  telling = after(APART_MS, () => {
    telling = undefined;
    if (latestMs > toldMs) tell();
  });
}

function rest(): void {
  clearTimeout(idling);
  idling = after(IDLE_S * 1_000, () => track("idle", { seconds: IDLE_S }));
}
