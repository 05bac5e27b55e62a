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
  if (page.opportune?.isLoaded) return console.info("opportune: included twice");
  const calls = (page.opportune?.q ?? []) as Call[];
  let take = (call: Call): unknown => calls.push(call);
  const opportune: Opportune = (...given) => void take([given, location.href, Date.now()]);
  opportune.isLoaded = true;
  // A page may have kept the stub, which goes on to put its calls here.
  opportune.q = { push: (call) => take(call) };
  page.opportune = opportune;
  setTag(document.currentScript as HTMLScriptElement | null);
  whenCalm((sinceMs) => {
    init(undefined, performance.now() - sinceMs);
    take = guarded(run);
    calls.forEach(take);
  });
}

/**
 * Waits for the document, for a reader where it is drawn ahead of one, and for an idle moment; tells since when (milliseconds of
 * the monotonic clock) the page can have been seen.
 */
function whenCalm(work: (sinceMs: number) => void): void {
  // Visitors see a page before its scripts have come. The interface that replaces this one does not tell when it began.
  const { domLoading, navigationStart } = performance.timing ?? {};
  const beganMs = domLoading - navigationStart || performance.now();
  const whenIdle = window.requestIdleCallback ?? setTimeout;
  const idle = (sinceMs: number): unknown => whenIdle(guarded(() => work(sinceMs)), { timeout: IDLE_WAIT_MS });
  if ((document as { prerendering?: boolean }).prerendering) {
    listen(document, "prerenderingchange", () => idle(performance.now()));
  } else if (document.readyState === "loading") listen(document, "DOMContentLoaded", () => idle(beganMs));
  else idle(beganMs);
}
