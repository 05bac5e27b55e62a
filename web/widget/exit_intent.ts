/** Signs that a visitor is about to go; once a page, and what follows from it the server decides. */

import { listen } from "./guard";
import { heightPx } from "./scroll";
import { track } from "./transport";
import { dwellMs } from "./visible_time";

const FROM_MS = 5_000;
/** By touch: so much of the page scrolled up within this time, or a return so soon after hiding. */
const UP_SHARE = 0.4;
const UP_MS = 1_000;
const AWAY_MS = 10_000;

let isTold = false;
/** As event times are: milliseconds since the document began. */
let hiddenMs = 0;
let topPx = 0;
let topMs = 0;

export function restartExit(): void {
  isTold = false;
  hiddenMs = -AWAY_MS;
}

export function watchExit(): void {
  const tell = (isLeaving: boolean): void => {
    if (!isLeaving || isTold) return;
    isTold = true;
    track("exit_intent");
  };
  listen(document, "mouseout", ({ relatedTarget, clientY }: MouseEvent) => tell(!relatedTarget && clientY <= 0));
  if (!matchMedia("(pointer:coarse)").matches) return;
  listen(document, "scroll", ({ timeStamp }) => tell(isRushingUp(timeStamp)));
  listen(document, "visibilitychange", ({ timeStamp }) => {
    if (document.hidden) hiddenMs = timeStamp;
    else tell(timeStamp - hiddenMs <= AWAY_MS);
  });
}

function isRushingUp(nowMs: number): boolean {
  if (scrollY > topPx || nowMs - topMs > UP_MS) {
    topPx = scrollY;
    topMs = nowMs;
  }
  const upPx = topPx - scrollY;
  return upPx >= UP_SHARE * heightPx && dwellMs() >= FROM_MS;
}
