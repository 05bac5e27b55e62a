/** One socket to the session: opened, authenticated, and opened again when it breaks (API.md 9.3). */

import { after, guarded, type Timer } from "./guard";
import type { ClientFrame, ServerFrame } from "./protocol";
import { unsend } from "./queue";
import { spread } from "./retry";
import { kept } from "./session";
import { auth, goOn, goWithout, greet, take } from "./transport";

/** Within this a socket says hello, and a server answers what has to be answered. */
const ANSWER_WAIT_MS = 5_000;
const RETRY_MS = 60_000;
const STABLE_MS = 10_000;
const RESTART = 1012;
const FINAL = [1000, 4400, 4403];
const RENEWABLE = [4401, 4404, 4410];

/** A frame may be sent: the server has said hello. */
export let isOpen = false;
let socket: WebSocket | undefined;
let timer: Timer;
let deadline: Timer;
let tries = 0;
let failures = 0;
let sinceMs = 0;

/** Opens a socket to the session that is kept, and another whenever it breaks, until it is closed. */
export function openSocket(): void {
  closeSocket();
  deadline = after(ANSWER_WAIT_MS, () => ended(0));
  let own: WebSocket;
  try {
    own = socket = new WebSocket(kept.wsUrl!);
  } catch {
    // The page has none, or lets nobody have one.
    return ended(0);
  }
  own.onopen = guarded(() => (own === socket ? send(auth()) : own.close()));
  own.onclose = guarded(({ code }: CloseEvent) => own === socket && ended(code));
  own.onmessage = guarded(({ data }: MessageEvent<string>) => own === socket && hear(JSON.parse(data)));
}

/** Opens at once what would be opened later. */
export function wakeSocket(): void {
  if (!timer) return;
  failures = 0;
  openSocket();
}

/** Sends a frame; one that is answered has to be answered in time, or the connection is dead. */
export function send(frame: ClientFrame, isAnswered?: boolean): void {
  socket!.send(JSON.stringify(frame));
  if (isAnswered) deadline ??= after(ANSWER_WAIT_MS, () => ended(0));
}

/** Closes for good, until it is opened again. */
export function closeSocket(): void {
  clearTimeout(timer);
  clearTimeout(deadline);
  timer = deadline = undefined;
  isOpen = false;
  const own = socket;
  socket = undefined;
  // One that is still connecting closes once it is open: before that, Chromium calls it an error in the console.
  if (own?.readyState) own.close();
}

function hear(frame: ServerFrame): void {
  clearTimeout(deadline);
  deadline = undefined;
  if (frame.type === "hello") {
    isOpen = true;
    failures = 0;
    sinceMs = performance.now();
    greet(frame);
  }
  take(frame);
}

function ended(code: number): void {
  if (!isOpen) failures++;
  else if (performance.now() - sinceMs > STABLE_MS) tries = 0;
  closeSocket();
  unsend();
  if (RENEWABLE.includes(code)) return goOn(code);
  const isFinal = FINAL.includes(code);
  if (!isFinal) timer = after(waitMs(code), openSocket);
  if (isFinal || failures > 1) goWithout();
}

function waitMs(code: number): number {
  if (code === RESTART) return 500 + Math.random() * 4_500;
  const atMostMs = failures > 1 ? RETRY_MS : Math.min(RETRY_MS, 1_000 * 2 ** tries++);
  return spread(atMostMs);
}
