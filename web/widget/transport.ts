/** The connection of one page load: a session, and what is measured on its way to it, by socket or by HTTP. */

import { askTabs, beginChat, complain, endChat, lookForMessages, resumePoint, takeFrame } from "./chat";
import { guarded } from "./guard";
import { batchOf, gather, isHttp, startHttp, stopHttp } from "./http_line";
import type { ClientFrame, HelloFrame, ServerFrame, TrackedEvent } from "./protocol";
import { clear, enqueue, events, restore, settle, takeBatch, unsend } from "./queue";
import { randomId } from "./random_id";
import { countTries, isWaiting, retry, stopWaiting, tries } from "./retry";
import { type Answer, beacon, isPassing } from "./server";
import { context, erase, find, forget, type Identity, isProven, kept, open, save, setIdentity } from "./session";
import { snippet } from "./snippet";
import { closeSocket, isOpen, openSocket, send, wakeSocket } from "./socket";
import { beginPage, pulse } from "./tracker";

const FRAME_EVENTS_MAX = 50;
/** The id under which the server names a `track` frame that it refuses. */
const TRACK = "track";
const SESSION_OVER = 4410;

export type Metadata = Record<string, unknown>;

/** Something may be measured and sent. */
export let isLive = false;
const load = randomId(8);
let number = 0;
let mustOpen = true;
let isOpening = false;
/** The address of the session that the chat shows. */
let shown: string | undefined;
let isHeld = false;
let isAsleep = false;
let isRenewed = false;
let wasOpen = false;

// ---- what is measured

/** Queues an event; what it returns may still be changed while the queue is held. */
export function track(event: string, metadata?: Metadata, more?: Partial<TrackedEvent>): TrackedEvent | undefined {
  if (!isLive) return;
  const timestamp = new Date().toISOString();
  const messageId = `${load}-${++number}`;
  const queued = enqueue({ event, timestamp, messageId, metadata: metadata!, ...more });
  if (isAsleep && !document.hidden && event !== "idle") wake();
  queueMicrotask(guarded(flush));
  return queued;
}

export function hold(on: boolean): void {
  isHeld = on;
  flush();
}

/** The page is hidden, perhaps for good: nothing stays behind that can be told now. */
export function hide(): void {
  hold(false);
  if (!isOpen) rescue();
}

/** The page goes: what is not acknowledged is told once more, and kept for the next page. */
export function leave(): void {
  rescue();
  disconnect();
}

/** The network or the visitor is back. */
export function wake(): void {
  countTries(0);
  if (isAsleep) return renew();
  wakeSocket();
  proceed();
}

function rescue(): void {
  if (kept.sessionId && events[0]) beacon("track", batchOf(events));
  save(events);
}

function flush(): void {
  if (isWaiting || isHeld) return;
  if (isHttp && events[0]) gather();
  if (!isOpen) return;
  for (let batch = takeBatch(FRAME_EVENTS_MAX); batch[0]; batch = takeBatch(FRAME_EVENTS_MAX)) {
    send({ type: "track", events: batch, client_id: TRACK }, true);
  }
}

// ---- the session

/** From here on events are taken; they wait for `connect`. */
export function goLive(): void {
  isLive = true;
}

/** Finds or begins the session, and a way to it. */
export async function connect(): Promise<void> {
  const isFresh = await find(askTabs);
  if (!isLive || isFresh === undefined) return;
  mustOpen = !isFresh || !isProven();
  restore(kept.queue);
  if (mustOpen) proceed();
  else enter();
}

/** Goes on after the page was left, and came back as it was. */
export function resume(): void {
  if (!mustOpen) openSocket();
  proceed();
}

/** Says who the visitor is; the session goes on as that user's. */
export function identify(identity: Identity): void {
  setIdentity(identity);
  mustOpen ||= !isProven();
  if (shown) proceed();
}

/** Goes on as a new visitor, in a session that another tab may have named. */
export function change(sessionId?: string): void {
  disconnect();
  clear();
  erase();
  setIdentity();
  forget(sessionId);
  mustOpen = true;
  proceed();
}

/** Nothing may be measured or shown any more. */
export function end(): void {
  isLive = false;
  disconnect();
  clear();
  shown = undefined;
  endChat();
}

/** Does what could not be done before: opens the session, or sends. */
function proceed(): void {
  stopWaiting();
  if (!isLive) return;
  if (mustOpen) guarded(openSession)();
  else if (isHttp) lookForMessages(0);
  flush();
}

async function openSession(): Promise<void> {
  if (isOpening || !kept.sessionId) return;
  isOpening = true;
  const answer = await open();
  isOpening = false;
  if (!isLive) return;
  if (answer.status_ === 200) {
    mustOpen = !isProven();
    countTries(0);
    enter();
  } else if (answer.body_.reason === "invalid_identity") {
    complain(answer);
    setIdentity();
    mustOpen = !shown;
    proceed();
  } else failed(answer);
}

function enter(): void {
  const { wsUrl } = kept;
  const isMoved = shown !== wsUrl;
  const isUntold = isMoved && !events.some(({ event }) => event === "page_view");
  shown = wsUrl;
  if (isMoved) beginChat();
  // Another session has to hear of the page.
  if (isUntold) beginPage();
  if (isHttp || mustOpen) proceed();
  if (!isHttp && (isMoved || !isOpen)) openSocket();
}

function renew(): void {
  isAsleep = false;
  isRenewed = true;
  mustOpen = true;
  proceed();
}

/** Tries again later what failed for now, and ends what is refused for good. */
export function failed(answer: Answer): void {
  const { status_ } = answer;
  if (status_ === 401 && !mustOpen && !isRenewed) return renew();
  if (status_ === 400 && !mustOpen) return;
  const isOver = !isPassing(answer);
  if (isOver || !status_) complain(answer);
  if (isOver) end();
  else retry(answer, proceed);
}

function disconnect(): void {
  closeSocket();
  stopHttp();
  stopWaiting();
  unsend();
}

// ---- what the socket and the server tell

/** The first frame of a socket. */
export function auth(): ClientFrame {
  return {
    type: "auth",
    token: snippet.token,
    visitor_token: kept.visitorToken!,
    context,
    load,
    // A page that is seen for the first time says so itself, by its view.
    ...((wasOpen || document.hidden) && { visible: !document.hidden }),
    resume: resumePoint()!,
    sent_at: new Date(),
  };
}

export function take(frame: ServerFrame): void {
  if (frame.type === "track_ack") settle();
  // The server cannot take events for now.
  if (frame.type === "error" && frame.ref === TRACK) {
    unsend();
    failed({ status_: 503, waitMs_: 0, body_: {} });
  }
  takeFrame(frame);
}

/** No socket can be had for now. */
export function goWithout(): void {
  // As after a failure: once HTTP goes through, a socket may too.
  if (!isHttp) countTries(tries + 1);
  startHttp();
  proceed();
}

/** The session or its token is over; one that ended while nobody did anything goes on when somebody does. */
export function goOn(code: number): void {
  if (code === SESSION_OVER && !events[0]) isAsleep = true;
  else if (isRenewed) goWithout();
  else renew();
}

/** Tells that the tab is alive and visible. */
export function beat(): void {
  if (!isWaiting) track("heartbeat", pulse());
}

/** A batch was taken by HTTP; messages wait, or may in so many milliseconds. */
export function taken(waitMs: number): void {
  isRenewed = false;
  if (tries) wakeSocket();
  countTries(0);
  lookForMessages(waitMs);
  flush();
}

/** A way to the server is open. */
export function greet(hello: HelloFrame): void {
  wasOpen = true;
  isRenewed = false;
  stopHttp();
  unsend();
  kept.visitorToken = hello.visitor_token;
  flush();
}
