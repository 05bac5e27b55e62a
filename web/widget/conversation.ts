/** The model of the conversation: frames and the visitor's own words in, entries to show out. No element. */

import type { Author, EventFrame, MessageFrame, QuickReply, SessionStatus, Slot } from "./protocol";

/** Entries kept; the oldest goes first. The server keeps them all. */
export const ENTRIES_MAX = 200;
/** A client's clock may be behind the server's by this much and still be right. */
const CLOCK_MS_MAX = 2_000;
/** The progress of what the visitor said here. */
const OWN = /own|sending|failed/;

export interface Entry {
  /** The server's id; of own words our own until the server's is known. */
  id_: string;
  kind_: "words" | "slots" | "phone" | "person" | "joined" | "booked" | "ended";
  from_: Author;
  text_: string;
  /** `own`: said here, and the server's id is not known yet. */
  progress_: "" | "own" | "sending" | "failed" | "writing";
  isProactive_: boolean;
  /** Nobody has seen it; a message may still come on screen, until `deadlineMs_` of this machine's clock. */
  isWaiting_: boolean;
  deadlineMs_: number;
  /** Counts on the launcher. */
  isUnseen_: boolean;
  /** Its replies, or its slots, are gone. */
  isAnswered_: boolean;
  replies_: QuickReply[];
  display_?: "card" | "bubble" | "open" | undefined;
  hasSound_?: boolean | undefined;
  /** Of `slots`, and of the `booked` that came of them. */
  slots_?: Slot[] | undefined;
  timezone_?: string | undefined;
}

export let entries: Entry[] = [];
export let status: SessionStatus = "active";
export let waitS = 0;
/** A person or model writes. */
export let isTyping = false;
/** Messages that were on screen here, also when the server does not know it yet. */
export const seen = new Set<string>();

/** Forgets what the server tells again: all but own words that it does not have, and those too in the end. */
export function forgetEntries(isAll?: boolean): void {
  entries = entries.filter(({ progress_ }) => !isAll && progress_ !== "own" && OWN.test(progress_));
}

/** Adds what the visitor said: under an id of our own, or under the server's where it is stored already. */
export function addWords(id: string, text: string, progress: Entry["progress_"]): Entry {
  answerAll();
  return add({ id_: id, text_: text, from_: "visitor", progress_: progress });
}

/** Notes under which id own words are stored. */
export function markStored(clientId: string, messageId: string): void {
  const entry = find(clientId);
  if (!entry) return;
  // The frame of these words may have come before their acknowledgement.
  remove(find(messageId));
  entry.id_ = messageId;
  entry.progress_ = "";
}

/** Lets a message grow that is being written. */
export function addPiece(id: string, text: string): void {
  const entry = find(id) ?? add({ id_: id, progress_: "writing", isUnseen_: true });
  if (entry.progress_) entry.text_ += text;
}

export function setStatus(now: SessionStatus, estimatedWaitS = 0): void {
  if (now === "closed" && status !== now && entries[0]) add({ kind_: "ended" });
  status = now;
  waitS = estimatedWaitS;
  // Whoever wrote until then may have stopped.
  isTyping = false;
}

export function setTyping(state: boolean): void {
  isTyping = state;
}

/** Returns the oldest message that may come on screen by itself now. */
export function nextWaiting(): Entry | undefined {
  return entries.find((entry) => status !== "closed" && entry.isWaiting_ && Date.now() < entry.deadlineMs_);
}

/** Returns what a visitor may read; a message that waits is not there yet. */
export function shownEntries(): Entry[] {
  return entries.filter((entry) => !entry.isWaiting_);
}

/** Takes a message; one of the time before this page began, or was connected anew, is no news. */
export function takeMessage(frame: MessageFrame, isNews: boolean): Entry | undefined {
  const { id, outcome, text } = frame;
  const isProactive = frame.kind === "proactive";
  const isMine = frame.from === "visitor";
  // What the visitor said here comes back as a frame: after a reconnect, or by polling.
  const isOwn = (entry: Entry): boolean => isMine && OWN.test(entry.progress_) && entry.text_ === text;
  const known = find(id) ?? entries.find(isOwn);
  if (/expired|withdrawn|held_out/.test(outcome!)) return withdraw(known);
  const isSeen = seen.has(id) || /displayed|read/.test(frame.status!);
  if (isMine) answerAll();
  else isTyping = false;
  return Object.assign(known ?? add({}), {
    id_: id,
    from_: frame.from,
    text_: text,
    progress_: "",
    isProactive_: isProactive,
    isWaiting_: isProactive && !isSeen && !outcome,
    deadlineMs_: deadlineOf(frame),
    isUnseen_: !isMine && !outcome && (isProactive ? isSeen : isNews),
    isAnswered_: !!frame.clicked || outcome === "replied",
    replies_: frame.quick_replies ?? [],
    display_: frame.display,
    hasSound_: frame.sound,
  } as const);
}

export function takeEvent({ event, data }: EventFrame, isNews: boolean): void {
  const entry = find(data.message_id);
  if (event === "message_withdrawn") withdraw(entry);
  else if (event === "message_status") hear(entry, data);
  else if (event === "session_status") setStatus(data.status as SessionStatus, data.estimated_wait);
  else if (event === "appointment_scheduled") takeBooking(data, isNews);
  else if (event === "handoff") addNews(isNews, data.agent_name ? "joined" : "person", data.agent_name);
  else if (data.slots) Object.assign(addNews(isNews, "slots"), { slots_: data.slots, timezone_: data.timezone });
  else if (data.phone_number) addNews(isNews, "phone", data.phone_number);
}

function takeBooking({ date, time }: EventFrame["data"], isNews: boolean): void {
  const done = addNews(isNews, "booked", `${date}, ${time}`);
  for (const offer of entries) {
    if (offer.kind_ !== "slots") continue;
    offer.isAnswered_ = true;
    done.slots_ = offer.slots_;
    done.timezone_ = offer.timezone_;
  }
}

/** Notes what became of a message in this tab or another. */
function hear(entry: Entry | undefined, { outcome }: EventFrame["data"]): void {
  if (!entry) return;
  entry.isUnseen_ = !outcome && (entry.isUnseen_ || entry.isWaiting_);
  entry.isWaiting_ = false;
  entry.isAnswered_ ||= outcome === "replied";
}

function find(id: string | undefined): Entry | undefined {
  return entries.find((entry) => entry.id_ === id);
}

function addNews(isNews: boolean, kind: Entry["kind_"], text = ""): Entry {
  return add({ kind_: kind, text_: text, isUnseen_: isNews });
}

function add(given: Partial<Entry>): Entry {
  const blank = { id_: "", kind_: "words", from_: "assistant", text_: "", progress_: "", replies_: [] };
  const entry = { ...blank, ...given } as unknown as Entry;
  entries = [...entries, entry].slice(-ENTRIES_MAX);
  return entry;
}

function answerAll(): void {
  for (const entry of entries) entry.isAnswered_ ||= entry.kind_ === "words";
}

/** Takes back what nobody has seen; what is on screen stays. */
function withdraw(entry: Entry | undefined): undefined {
  if (entry?.isWaiting_) remove(entry);
}

function remove(entry: Entry | undefined): void {
  entries = entries.filter((one) => one !== entry);
}

/** Says until when a message may come on screen, on this machine's clock, which may be wrong. */
function deadlineOf({ timestamp, expires_at }: MessageFrame): number {
  if (!expires_at) return Infinity;
  const nowMs = Date.now();
  const sentMs = Date.parse(timestamp);
  const endMs = Date.parse(expires_at);
  // The server hands out only what is still valid: a clock that says otherwise is wrong, its speed is not.
  return sentMs - CLOCK_MS_MAX < nowMs && nowMs < endMs ? endMs : nowMs + endMs - sentMs;
}
