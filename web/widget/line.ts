/** What the chat sends: each ask until the server has it or says why not, over the socket or by HTTP. */

import { after } from "./guard";
import { lookForMessages } from "./chat";
import { isHttp } from "./http_line";
import type { ClientFrame, Customer } from "./protocol";
import { post } from "./server";
import { context, kept } from "./session";
import { isOpen, send } from "./socket";
import { track, wake } from "./transport";

const WAIT_MS = 10_000;
const ASKS_MAX = 50;

/** Frames that are answered under their own id; sent twice they are done once. */
type AskFrame = Extract<ClientFrame, { type: "message" | "reply_clicked" | "book" }>;

interface Ask {
  frame_: AskFrame;
  /** The words that become the visitor's message. */
  text_: string;
  settle_(reason?: string): void;
}

const asks = new Map<string, Ask>();

/** Sends words of the visitor; resolves once they are stored, rejects with a reason, or after 10 s. */
export function say(text: string, id: string): Promise<void> {
  return ask({ type: "message", text, client_id: id }, text);
}

/** Sends a click on a quick reply; `text` is the reply's. Resolves and rejects like `say`. */
export function click(id: string, value: string, text: string): Promise<void> {
  return ask({ type: "reply_clicked", message_id: id, value, client_id: id }, text);
}

/** Books a slot; what is booked arrives as an event. Rejects with the server's reason, such as `slot_taken`. */
export function book(slot: string, customer: Customer, id: string): Promise<void> {
  return ask({ type: "book", appointment_slot: slot, customer, client_id: id }, "");
}

/** Tells what became of a message on this screen; kept and sent later when there is no connection. */
export function report(id: string, state: "displayed" | "read" | "dismissed"): void {
  track(`message_${state}`, { message_id: id });
}

/** Tells that the visitor types, or stopped; lost without a socket. */
export function sendTyping(state: boolean): void {
  if (isOpen) send({ type: "typing", state });
}

export function settleAsk(id: unknown, reason?: string): void {
  asks.get(id as string)?.settle_(reason);
}

/** Sends anew, over a new connection, what is still waited for. */
export function repeatAsks(): void {
  for (const { frame_ } of asks.values()) put(frame_);
}

/** Settles the oldest click, which was stored: returns its words. */
export function settleClick(): string | undefined {
  const oldest = [...asks.values()].find(({ frame_ }) => frame_.type === "reply_clicked");
  oldest?.settle_();
  return oldest?.text_;
}

function ask(frame: AskFrame, text: string): Promise<void> {
  const id = frame.client_id;
  return new Promise((resolve, reject: (reason: string) => void) => {
    if (asks.size >= ASKS_MAX) return reject("too_many");
    const settle = (reason?: string): void => {
      clearTimeout(timer);
      asks.delete(id);
      if (reason) reject(reason);
      else resolve();
    };
    const timer = after(WAIT_MS, () => settle("timeout"));
    asks.set(id, { frame_: frame, text_: text, settle_: settle });
    if (isOpen) put(frame);
    else if (isHttp) void postAsk(frame, text);
    else wake();
  });
}

/** The answer to the ping comes when the frame was carried out, whether it has an answer of its own or not. */
function put(frame: AskFrame): void {
  send(frame);
  send({ type: "ping", id: frame.client_id }, true);
}

/** What was said comes back as the visitor's message, and the chat knows it by its words. */
async function postAsk(frame: AskFrame, message: string): Promise<void> {
  const id = frame.client_id;
  if (frame.type === "book") return settleAsk(id, "no_socket");
  const { sessionId, visitorToken } = kept;
  const what = frame.type === "message" ? { messageId: id } : { quickReply: { messageId: id, value: frame.value } };
  const { status_, body_ } = await post("chat", { sessionId, visitorToken, message, context, ...what });
  settleAsk(id, status_ === 200 ? "" : (body_.reason ?? "unreachable"));
  lookForMessages(0);
}
