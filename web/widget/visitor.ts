/** What happens to the visitor as a whole: measuring begins, consent comes and goes, another visitor takes over. */

import { consent, isConsentGiven, recallConsent, setConsent } from "./consent";
import { guarded, listen } from "./guard";
import { explain } from "./owner";
import { tell } from "./page_events";
import type { ConsentState } from "./protocol";
import { runWaiting } from "./public_api";
import { events } from "./queue";
import { type Answer, ask, post } from "./server";
import { erase, kept, save } from "./session";
import { begin } from "./shell";
import { snippet } from "./snippet";
import { closeTabs, type News, openTabs, tellTabs } from "./tabs";
import { beginPage, isGone } from "./tracker";
import { change, connect, end, goLive, isLive, track } from "./transport";

const STATES: ConsentState[] = ["granted", "pending", "denied"];

/** Nothing comes through, for now or for good; what a browser breaks off with the page is nobody's fault. */
export function complain(answer: Answer): void {
  if (isGone) return;
  explain(answer);
  tell("error", { status: answer.status_, reason: answer.body_.reason });
}

/** Sets out, unless the visitor's word is needed first. */
export function setOut(agoMs?: number): void {
  recallConsent();
  openTabs();
  listen(window, "pagehide", closeTabs);
  listen(window, "pageshow", openTabs);
  if (isConsentGiven()) start(agoMs);
}

/** Takes the visitor's word, here and in the other tabs; of a denial nothing is left but the denial itself. */
export function agree(state: ConsentState, isHeard?: boolean): void {
  if (state === consent || !STATES.includes(state)) return;
  setConsent(state);
  tell("consent", { state });
  if (!isHeard) tellTabs({ consent: state });
  if (!isConsentGiven()) return stop();
  if (!isLive) return start();
  track("consent", { state });
  save(events);
}

/** Goes on as a visitor of whom nothing is known, in all tabs. */
export function reset(): void {
  if (!isLive) return;
  change();
  tellTabs({ isNew: kept.sessionId! });
}

/** Goes on in another language. */
export async function speak(locale: string): Promise<void> {
  snippet.locale = kept.locale = locale;
  const { body_ } = await ask(`config?locale=${encodeURIComponent(locale)}`);
  if (isLive && body_.config) begin((kept.config = body_.config));
}

function start(agoMs?: number): void {
  goLive();
  beginPage(agoMs);
  runWaiting();
  guarded(connect)();
}

function stop(): void {
  const { sessionId, visitorId, wsUrl } = kept;
  if (wsUrl) void post("track", { sessionId, visitorId, event: "consent", metadata: { state: consent } });
  end();
  erase();
}

export function hear({ asks, isNew, consent }: News): void {
  if (consent) agree(consent, true);
  else if (isNew && isLive) change(isNew);
  else if (asks && kept.wsUrl) tellTabs({ kept: { ...kept, queue: [] } });
}
