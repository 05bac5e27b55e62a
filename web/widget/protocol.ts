/** What goes over the wire between widget and server (API.md 4.1 and 9.1): the types alone. */

/** How far a message has come; `displayed` is told by `displayed`, in frames and notices alike. */
export type Status = "sent" | "delivered" | "displayed" | "read";
export type SessionStatus = "active" | "queued" | "closed";
export type Outcome = "replied" | "dismissed" | "expired" | "withdrawn" | "held_out";
export type Author = "visitor" | "assistant" | "agent" | "system";
export type Action = "say" | "ask" | "open" | "handoff" | "quote" | "schedule" | "call" | "dismiss";

export interface QuickReply {
  text: string;
  value: string;
  action: Action;
  url?: string;
}

/** A message in its place of the sequence; the fields from `status` on are of others than the visitor. */
export interface MessageFrame {
  type: "message";
  id: string;
  text: string;
  from: Author;
  kind: "chat" | "proactive";
  /** RFC 3339. */
  timestamp: string;
  offset: number;
  epoch: string;
  status?: Status;
  outcome?: Outcome | null;
  /** The value of the reply that was clicked. */
  clicked?: string;
  quick_replies?: QuickReply[];
  /** RFC 3339; null never expires. */
  expires_at?: string | null;
  display?: "card" | "bubble" | "open";
  sound?: boolean;
}

/** A free slot, as the notice `action` with `action: "schedule"` lists them. */
export interface Slot {
  /** RFC 3339, with the calendar's offset. */
  appointment_slot: string;
  end: string;
  date: string;
  time: string;
  available: number;
}

/** Something that happened in the conversation, in its place of the sequence. */
export interface EventFrame {
  type: "event";
  event:
    | "appointment_scheduled"
    | "session_status"
    | "handoff"
    | "message_withdrawn"
    | "message_status"
    | "action";
  data: {
    message_id?: string;
    status?: Status | SessionStatus;
    outcome?: Outcome | null;
    estimated_wait?: number;
    team?: string;
    agent_name?: string;
    action?: "open" | "ask" | "schedule" | "call" | "quote";
    url?: string;
    phone_number?: string;
    calendar_id?: string;
    timezone?: string;
    slots?: Slot[];
    appointment_id?: string;
    date?: string;
    time?: string;
  };
  timestamp: string;
  offset: number;
  epoch: string;
}

export interface HelloFrame {
  type: "hello";
  protocol: number;
  session_id: string;
  visitor_id: string;
  status: SessionStatus;
  epoch: string;
  offset: number;
  recovered: boolean;
  visitor_token: string;
  server_time: string;
}

export type ServerFrame =
  | HelloFrame
  | MessageFrame
  | EventFrame
  | { type: "message_ack"; client_id: string | null; message_id: string; offset: number; epoch: string }
  | { type: "typing"; from: "assistant"; state: boolean }
  | { type: "delta"; id: string; text: string }
  | { type: "track_ack"; accepted: number; duplicates: number; rejected: { index: number; reason: string }[] }
  | { type: "pong"; id?: string | number }
  | { type: "error"; code: string; message: string; details: { field?: string; reason?: string }; ref: string | null };

/** A page as events and sessions name it. */
export interface Page {
  url: string;
  title?: string;
  referrer?: string;
}

export type Scalar = string | number | boolean | null;

/** One event of a batch; `messageId` is `<8 characters of the page load>-<number>`. */
export interface TrackedEvent {
  event: string;
  timestamp: string;
  messageId: string;
  metadata?: Record<string, unknown>;
  page?: Page;
  attributes?: Record<string, Scalar>;
}

export interface Customer {
  name: string;
  email?: string;
  phone?: string;
  address?: string;
}

export type ClientFrame =
  | { type: "auth"; token: string; visitor_token: string; resume?: { epoch: string; offset: number }; context: Context; visible?: boolean; load: string; sent_at: Date }
  | { type: "message"; text: string; client_id: string }
  | { type: "displayed" | "read" | "dismissed"; message_id: string }
  | { type: "reply_clicked"; message_id: string; value: string; client_id: string }
  | { type: "typing"; state: boolean }
  | { type: "track"; events: TrackedEvent[]; client_id: string }
  | { type: "ping"; id: string }
  | { type: "book"; appointment_slot: string; customer: Customer; client_id: string };

export interface Context {
  timezone?: string;
  locale?: string;
}

/** The words of the interface in a language; `#` stands for minutes in `wait`, for a name in `joined`. */
export interface Language {
  /** A language tag, of dates too. */
  locale: string;
  direction: "ltr" | "rtl";
  words: Record<
    | "open" | "close" | "write" | "send" | "failed" | "ended" | "wait" | "person" | "joined" | "taken" | "name"
    | "contact" | "book",
    string
  >;
}

/** How the widget looks and greets: `config` of the config endpoint and of a session's start. */
export interface WidgetConfig {
  name: string;
  assistantId: string | null;
  widget: {
    primaryColor: string;
    position: "bottom-right" | "bottom-left";
    greeting: string;
    locale: string;
    businessHours: boolean;
  };
  branding: { logo: string | null };
  protocol: number;
  wsUrl: string;
  heartbeatMs: number;
  language: Language;
  consent: "implicit" | "required";
  voice: boolean;
}

/** The answer to `POST …/session`. */
export interface SessionStarted {
  success: true;
  sessionId: string;
  chatSessionId: string;
  visitorId: string;
  visitorToken: string;
  expiresAt: string;
  wsUrl: string;
  config: WidgetConfig;
}

export type ConsentState = "granted" | "pending" | "denied";
