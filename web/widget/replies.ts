/** The quick replies of a message: buttons of which one can be chosen, once. */

import type { Entry } from "./conversation";
import { button, make } from "./elements";
import { texts } from "./look";
import { choose } from "./shell";

export function makeReplies(entry: Entry): HTMLElement {
  /** Says why a choice could not be stored; empty, it is not seen. */
  const note = make("p.failed", { role: "status" });
  const group = make("div.replies", { role: "group", ariaLabel: entry.text_ });
  for (const reply of entry.replies_) {
    const press = async (): Promise<void> => {
      if (group.ariaBusy) return;
      group.ariaBusy = element.ariaBusy = "true";
      try {
        await choose(entry, reply);
      } catch {
        group.ariaBusy = element.ariaBusy = null;
        note.textContent = texts.failed;
      }
    };
    const element = button(reply.action === "dismiss" ? "reply quiet" : "reply", press, reply.text);
    element.part.add("reply");
    group.append(element);
  }
  group.append(note);
  return group;
}
