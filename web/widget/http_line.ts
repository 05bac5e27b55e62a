/** The way without a socket: batches of events, and a heartbeat while the page is visible. */

import { after, type Timer } from "./guard";
import type { TrackedEvent } from "./protocol";
import { settle, takeBatch, unsend } from "./queue";
import { post } from "./server";
import { context, kept } from "./session";
import { beat, failed, taken } from "./transport";

const GATHER_MS = 1_000;
const BATCH_MAX = 100;

export let isHttp = false;
let gathering: Timer;
let beats: Timer;

export function startHttp(): void {
  if (isHttp) return;
  isHttp = true;
  beats = setInterval(() => document.hidden || beat(), kept.config!.heartbeatMs);
}

export function stopHttp(): void {
  isHttp = false;
  clearInterval(beats);
}

/** The body of a batch; its clock is compared with the server's by `sentAt`. */
export function batchOf(batch: TrackedEvent[]): object {
  const { sessionId, visitorId } = kept;
  return { sessionId, visitorId, context, batch, sentAt: new Date() };
}

/** Sends what waits, together with what comes within a second. */
export function gather(): void {
  gathering ||= after(GATHER_MS, postBatch);
}

async function postBatch(): Promise<void> {
  const batch = isHttp ? takeBatch(BATCH_MAX) : [];
  const answer = batch.length && (await post("track", { ...batchOf(batch), deliver: true }));
  gathering = undefined;
  if (!isHttp || !answer) return;
  const { status_, body_ } = answer;
  // A batch that can never be taken is in the way of all others.
  if (status_ === 200 || status_ === 400 || status_ === 413) settle();
  else unsend();
  if (status_ === 200) taken(body_.messages!.length ? 0 : body_.nextCheckMs!);
  else failed(answer);
}
