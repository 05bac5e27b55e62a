/** The page's `opportune(command, …)`: what a site tells the widget. */

import { off, on } from "./page_events";
import type { ConsentState, Scalar, TrackedEvent } from "./protocol";
import { type Identity, kept } from "./session";
import { close, open } from "./shell";
import { readSnippet, type Snippet } from "./snippet";
import { changePage } from "./tracker";
import { identify, isLive, type Metadata, track } from "./transport";
import { agree, reset, setOut, speak } from "./visitor";

/** What a page says of its visitor waits for consent; beyond this the oldest goes. */
const WAITING_MAX = 20;

/** A call of the page: command and arguments, and where and when (Unix milliseconds) it was made. */
export type Call = [given: Iterable<unknown>, url: string, atMs: number];

/** A command gets its first two arguments, what is known of the call, and its third argument. */
type Command = (first: never, second: never, made: Partial<TrackedEvent>, third: never) => unknown;

let tag: HTMLScriptElement | null;
let isBegun = false;
let waiting: Call[] = [];

const aboutVisitor: Record<string, Command> = {
  identify(userId: Scalar, traits: Metadata, made, proof: object) {
    if (proof) identify({ userId, ...proof } as Identity);
    track("identify", traits, { ...made, attributes: { "visitor.user_id": userId } });
  },
  set: (attributes: Record<string, Scalar>, _, made) => track("set", undefined, { ...made, attributes }),
};

const commands: Record<string, Command> = {
  ...aboutVisitor,
  init: (given: Partial<Snippet>) => init(given),
  track,
  page: () => changePage(),
  consent: (state: ConsentState) => agree(state),
  reset,
  open: () => open(),
  close,
  locale: speak,
  on,
  off,
  debug: () => console.info(`opportune: see ${kept.wsUrl}, with a key that has decisions:read`),
};

/** Takes the script's tag. */
export function setTag(script: typeof tag): void {
  tag = script;
}

/** Sets out with what the tag says; where it says nothing, the command `init` has to. */
export function init(given?: Partial<Snippet>, agoMs?: number): void {
  if (isBegun || !readSnippet(tag, given)) return;
  isBegun = true;
  setOut(agoMs);
}

/** Carries out what waited for consent. */
export function runWaiting(): void {
  waiting.splice(0).forEach(run);
}

/** Carries out a call; an unknown command changes nothing. */
export function run(call: Call): void {
  const [given, url, atMs] = call;
  const [command, first, second, third] = given as unknown as [string, never, never, never];
  if (!isLive && aboutVisitor[command]) waiting = [...waiting, call].slice(-WAITING_MAX);
  else commands[command]?.(first, second, { page: { url }, timestamp: new Date(atMs).toISOString() }, third);
}
