/** Requests to the widget API: plain text that needs no preflight, its answer, and what a refusal means. */

import type { EventFrame, MessageFrame, SessionStarted } from "./protocol";
import { snippet } from "./snippet";

const TIMEOUT_MS = 10_000;

/** What any endpoint may answer; `error`, `reason` and `field` of a refusal. */
export interface Body extends Partial<Omit<SessionStarted, "success">> {
  epoch?: string;
  messages?: (MessageFrame | EventFrame)[];
  nextCheckMs?: number;
  error?: string;
  reason?: string;
  field?: string;
}

/** `status_` is 0 when nothing came back at all; `waitMs_` is asked for by `Retry-After`. */
export interface Answer {
  status_: number;
  waitMs_: number;
  body_: Body;
}

const address = (path: string): string => `${snippet.url}/api/widgets/${snippet.widget}/${path}`;
const text = (body: object): string => JSON.stringify({ ...body, token: snippet.token });

export async function ask(path: string, init?: RequestInit): Promise<Answer> {
  try {
    const signal = AbortSignal.timeout?.(TIMEOUT_MS);
    const response = await fetch(address(path), { credentials: "omit", signal, ...init });
    const waitMs_ = +response.headers.get("Retry-After")! * 1_000;
    return { status_: response.status, waitMs_, body_: await response.json() };
  } catch {
    return { status_: 0, waitMs_: 0, body_: {} };
  }
}

export function post(path: string, body: object): Promise<Answer> {
  return ask(path, { method: "POST", body: text(body), keepalive: true });
}

/** Sends while the page goes; nobody hears the answer. */
export function beacon(path: string, body: object): void {
  navigator.sendBeacon(address(path), text(body));
}

/** Whether the same request may succeed later. */
export function isPassing({ status_ }: Answer): boolean {
  return !status_ || status_ === 429 || status_ >= 500;
}
