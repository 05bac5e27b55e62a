/** Puts `opportune` into the page, with the calls of the stub, and starts when the page has time for it. */

import { guarded, listen } from "./guard";
import { type Call, init, run, setTag } from "./public_api";

const IDLE_WAIT_MS = 1_000;

interface Opportune {
  (...given: unknown[]): void;
  q?: { push(call: Call): unknown };
  isLoaded?: boolean;
}

/** Starts once a page, whatever else includes the script. */
export function boot(): void {
  const page = window as { opportune?: Opportune };
  const [loading] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  if (page.opportune?.isLoaded) return console.info("opportune: included twice");
  const calls = (page.opportune?.q ?? []) as Call[];
  let take = (call: Call): unknown => calls.push(call);
  const opportune: Opportune = (...given) => void take([given, location.href, Date.now()]);
  opportune.isLoaded = true;
  // A page may have kept the stub, which goes on to put its calls here.
  opportune.q = { push: (call) => take(call) };
  page.opportune = opportune;
  setTag(document.currentScript as HTMLScriptElement | null);
  whenCalm(() => {
    // Visitors see a page before its scripts have come.
    init(undefined, performance.now() - (loading?.responseEnd ?? 0));
    take = guarded(run);
    calls.forEach(take);
  });
}

/** Waits for the document, for a reader where it is drawn ahead of one, and for an idle moment. */
function whenCalm(work: () => void): void {
  const calm = guarded(work);
  const idle = (): unknown =>
    "requestIdleCallback" in window ? requestIdleCallback(calm, { timeout: IDLE_WAIT_MS }) : setTimeout(calm);
  if ((document as { prerendering?: boolean }).prerendering) listen(document, "prerenderingchange", idle);
  else if (document.readyState === "loading") listen(document, "DOMContentLoaded", idle);
  else idle();
}
