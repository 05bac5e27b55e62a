/** What a build with a chat adds to measuring: measuring alone does without any of it. */

import type { ServerFrame } from "./protocol";
import type { Answer } from "./server";
import type { Kept } from "./storage";

export interface Hooks {
  /** A session is there, or another one. */
  begin_?(): void;
  take_?(frame: ServerFrame): void;
  /** Where the conversation was read to, for a socket that goes on there. */
  resume_?(): { epoch: string; offset: number } | undefined;
  /** There is no socket: messages may be there in so many milliseconds. */
  look_?(waitMs: number): void;
  end_?(): void;
  /** Nothing comes through, for now or for good. */
  complain_?(answer: Answer): void;
  /** Asks other tabs for the session that they are in. */
  others_?(): Promise<Kept | undefined>;
}

export const hooks: Hooks = {};
