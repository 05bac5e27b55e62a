/** How far down a page was seen: told at each new tenth, once the visitor scrolls. */

import { guarded, listen } from "./guard";
import { track } from "./transport";

const STEP_PERCENT = 10;

let percent = 0;
let told = 0;
/** Of the whole page. */
export let heightPx = 0;

export function watchScroll(): void {
  new ResizeObserver(guarded(measure)).observe(document.body);
  listen(document, "scroll", () => {
    const step = percentSeen() - (percentSeen() % STEP_PERCENT);
    if (step > told) track("scroll", { percent: (told = step) });
  });
}

export function restartScroll(): void {
  percent = told = 0;
  measure();
}

/** The deepest so far, 0 to 100. */
export function percentSeen(): number {
  percent = Math.max(percent, Math.min(100, Math.round((100 * (scrollY + innerHeight)) / heightPx)));
  return percent;
}

function measure(): void {
  heightPx = document.documentElement.scrollHeight;
}
