/** Talk among the tabs of a site: one asks for the visitor's session, all hear of consent and a new visitor. */

import { guarded } from "./guard";
import type { ConsentState } from "./protocol";
import { snippet } from "./snippet";
import type { Kept } from "./storage";
import { hear } from "./visitor";

const ANSWER_WAIT_MS = 60;

/** `kept` answers the question of `asks`; `isNew` names the session in which every tab goes on. */
export interface News {
  asks?: boolean;
  kept?: Kept;
  isNew?: string;
  consent?: ConsentState;
}

let channel: BroadcastChannel | undefined;
let answered: ((kept?: Kept) => void) | undefined;

/** Listens to other tabs. */
export function openTabs(): void {
  closeTabs();
  try {
    channel = new BroadcastChannel(`opportune:${snippet.widget}`);
    channel.onmessage = guarded(({ data }: MessageEvent<News>) => {
      if (data.kept) answered?.(data.kept);
      else hear(data);
    });
  } catch {
    // Where nothing may be stored, some browsers open no channels: the tab is alone.
  }
}

/** An open channel would keep the page out of the back/forward cache. */
export function closeTabs(): void {
  channel?.close();
}

export function tellTabs(news: News): void {
  channel?.postMessage(news);
}

/** Asks for the session of other tabs; none may answer in 60 ms. */
export function askTabs(): Promise<Kept | undefined> {
  return new Promise((resolve) => {
    answered = resolve;
    tellTabs({ asks: true });
    setTimeout(resolve, ANSWER_WAIT_MS);
  });
}
