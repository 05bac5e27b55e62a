/** The session that this tab is in: found in the tab, in another tab, or begun; and kept for the next page. */

import { consent } from "./consent";
import type { TrackedEvent } from "./protocol";
import { randomId } from "./random_id";
import { type Answer, post } from "./server";
import { snippet } from "./snippet";
import { type Kept, read, write } from "./storage";

/** What the owner changes in the settings is seen after this long at the latest. */
const FRESH_MS = 3_600_000;

/** A proof that the visitor is a user whom the site knows (API.md 2.3). */
export type Identity = { userId: string; hash: string } | { jwt: string };

export let kept: Kept = {};
let identity: Identity | undefined;

export const context = {
  timezone: timezoneHere(),
  locale: navigator.language,
};

/** Asks Temporal first: the other way loads all that a browser knows of dates, and takes 15 ms and more. */
function timezoneHere(): string {
  const { Temporal } = window as { Temporal?: { Now?: { timeZoneId(): string } } };
  return Temporal?.Now?.timeZoneId() ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Takes the proof for the next time the session is opened. */
export function setIdentity(proof?: Identity): void {
  identity = proof;
}

/** Whether the server knows already who the visitor is, as far as the page has said it. */
export function isProven(): boolean {
  return !identity || kept.identity === JSON.stringify(identity);
}

/** Goes on as somebody of whom nothing is known. */
export function forget(sessionId = randomId(20)): void {
  kept = { sessionId };
}

/** Finds what is known of the session; tells whether it can go on without asking the server, if it still is to. */
export async function find(askOthers?: () => Promise<Kept | undefined>): Promise<boolean | undefined> {
  const before = kept;
  const own = read("sessionStorage");
  const found = own.visitorToken ? own : await askOthers?.();
  // Meanwhile the page may have asked for a new visitor.
  if (kept !== before) return;
  forget();
  kept = { ...kept, ...read("localStorage"), ...found };
  return Date.now() < kept.freshUntil! && kept.locale === snippet.locale;
}

/** Begins or renews the session; a token that is no longer good is left out the second time. */
export async function open(): Promise<Answer> {
  const { sessionId, visitorId, visitorToken } = kept;
  const proof = identity;
  const { locale } = snippet;
  const given = { sessionId, visitorId, visitorToken, identity: proof, context, consent, locale };
  const answer = await post("session", given);
  const { status_, body_ } = answer;
  if (status_ === 401 && visitorToken && (body_.reason !== "invalid_identity" || body_.field === "sessionId")) {
    forget();
    return open();
  }
  if (status_ === 200) {
    kept = { ...body_, freshUntil: Date.now() + FRESH_MS, identity: JSON.stringify(proof), locale } as Kept;
    save([]);
  }
  return answer;
}

/** Keeps the session, once the server has agreed to it, and the events that it has not acknowledged. */
export function save(queue: TrackedEvent[]): void {
  const { visitorId, wsUrl } = kept;
  if (!wsUrl) return;
  write("sessionStorage", { ...kept, consent, queue });
  if (consent === "granted") write("localStorage", { visitorId: visitorId!, consent });
}

/** Deletes all that is kept, but for the word of a visitor who denied consent. */
export function erase(): void {
  kept = {};
  write("sessionStorage", consent && { consent });
  write("localStorage");
}
