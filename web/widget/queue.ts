/** Events that the server has not acknowledged: bounded, in their order, each until it is known to be taken. */

import type { TrackedEvent } from "./protocol";

export const EVENTS_MAX = 100;
export const BYTES_MAX = 48_000;

export let events: TrackedEvent[] = [];
let batches: TrackedEvent[][] = [];
let dropped = 0;

/** Takes a copy of an event, so that the page may change its own; where there is no room the oldest go. */
export function enqueue(event: TrackedEvent): TrackedEvent {
  const copy: TrackedEvent = JSON.parse(JSON.stringify(event));
  if (dropped) copy.metadata = { ...copy.metadata, dropped_events: dropped };
  dropped = 0;
  events.push(copy);
  trim();
  return copy;
}

/** Puts back what an earlier page of the tab left. */
export function restore(earlier: unknown): void {
  if (Array.isArray(earlier)) events = earlier.concat(events);
  trim();
}

/** Returns the next events that are not under way, and notes that they are. */
export function takeBatch(count: number): TrackedEvent[] {
  const batch = events.filter((event) => !batches.flat().includes(event)).slice(0, count);
  if (batch.length) batches.push(batch);
  return batch;
}

/** The oldest batch under way was taken, or refused for good. */
export function settle(): void {
  const batch = batches.shift();
  events = events.filter((event) => !batch?.includes(event));
}

/** What was under way may be lost: all of it is sent again, its ids make that harmless. */
export function unsend(): void {
  batches = [];
}

export function clear(): void {
  events = [];
  unsend();
}

/** The page is about to change: what is not sent yet says where it happened. */
export function stamp(url: string): void {
  for (const event of events) event.page ??= { url };
  trim();
}

function trim(): void {
  while (events.length > EVENTS_MAX || new TextEncoder().encode(JSON.stringify(events)).length > BYTES_MAX) {
    dropped += 1 + Number(events.shift()!.metadata?.dropped_events ?? 0);
  }
}
