/** What comes of the conversation: each frame once and in its order, over the socket or by asking for it. */

import { addPiece, addWords, forgetEntries, markStored, setStatus, setTyping, takeEvent, takeMessage } from "./conversation";
import { after, guarded, type Timer } from "./guard";
import { isHttp } from "./http_line";
import { repeatAsks, settleAsk, settleClick } from "./line";
import { tell } from "./page_events";
import type { MessageFrame, ServerFrame } from "./protocol";
import { ask as request } from "./server";
import { kept } from "./session";
import { begin, drawSoon, end } from "./shell";
import { snippet } from "./snippet";
import { failed } from "./transport";

type SequenceFrame = Extract<ServerFrame, { type: "message" | "event" | "message_ack" }>;

/** "" until something was read. */
let epoch = "";
let offset = 0;
/** Frames up to it tell what was before this page, or before the connection to another sequence. */
let historyOffset = 0;
let looking: Timer;

// ---- what measuring tells; whatever fails here, measuring goes on

/** A session is there, or another one. */
export function beginChat(): void {
  guarded(() => {
    restart("");
    begin(kept.config!);
    tell("ready", { sessionId: kept.wsUrl!.split("/").pop(), visitorId: kept.visitorId });
  })();
}

export function takeFrame(frame: ServerFrame): void {
  guarded(() => {
    take(frame);
    drawSoon();
  })();
}

export function endChat(): void {
  guarded(() => {
    restart("");
    end();
  })();
}

/** Tells where the conversation was read to, for a socket that goes on there. */
export function resumePoint(): { epoch: string; offset: number } | undefined {
  return epoch ? { epoch, offset } : undefined;
}

// ---- the sequence

/** Begins at the front of another sequence, or of the same one again. */
function restart(another: string): void {
  if (epoch) forgetEntries();
  epoch = another;
  offset = 0;
}

function take(frame: ServerFrame): void {
  const { type } = frame;
  if (type === "hello") {
    // A server that cannot go on where we stopped sends its newest messages: they take the place of ours.
    if (!frame.recovered) {
      restart(frame.epoch);
      historyOffset = frame.offset;
    }
    setStatus(frame.status);
    repeatAsks();
  } else if (type === "pong") settleAsk(frame.id);
  else if (type === "error") settleAsk(frame.ref, frame.details.reason ?? frame.code);
  else if (type === "typing") setTyping(frame.state);
  else if (type === "delta") addPiece(frame.id, frame.text);
  else if (type !== "track_ack") takeNext(frame);
}

function takeNext(frame: SequenceFrame): void {
  const isAck = frame.type === "message_ack";
  if (frame.epoch !== epoch) restart(frame.epoch);
  if (isAck && frame.client_id) {
    markStored(frame.client_id, frame.message_id);
    settleAsk(frame.client_id);
  }
  if (frame.offset <= offset) return;
  offset = frame.offset;
  const isNews = offset > historyOffset;
  if (frame.type === "event") takeEvent(frame, isNews);
  else if (frame.type === "message") hear(frame, isNews);
  else if (!frame.client_id) {
    // Of a click the words are the reply's; they stand above whatever answers them.
    const words = settleClick();
    if (words) addWords(frame.message_id, words, "");
  }
}

function hear(frame: MessageFrame, isNews: boolean): void {
  const entry = takeMessage(frame, isNews);
  // What an earlier page showed is no news.
  if (!entry || !(entry.isWaiting_ || (entry.isUnseen_ && !entry.isProactive_))) return;
  const { id: messageId, text, from, kind } = frame;
  tell("message", { messageId, text, from, kind });
}

/** Reads what is new without a socket: in so many milliseconds, if somebody looks then. */
export function lookForMessages(waitMs: number): void {
  clearTimeout(looking);
  looking = after(waitMs, () => isHttp && !document.hidden && readNext());
}

async function readNext(): Promise<void> {
  const path = `messages?sessionId=${kept.sessionId}&after=${offset}`;
  const headers = { Authorization: `Bearer ${snippet.token}`, "X-Visitor-Token": kept.visitorToken! };
  const answer = await request(path, { headers });
  if (!isHttp) return;
  const { status_, body_ } = answer;
  if (status_ !== 200) return failed(answer);
  const isAnother = epoch !== body_.epoch;
  const isAgain = isAnother && epoch;
  if (isAnother) restart(body_.epoch!);
  if (isAgain) return readNext();
  // What the first answer brings was there before.
  historyOffset = isAnother ? Infinity : 0;
  body_.messages!.forEach(takeNext);
  historyOffset = 0;
  drawSoon();
  lookForMessages(body_.nextCheckMs!);
}
