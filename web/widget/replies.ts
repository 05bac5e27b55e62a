/** The quick replies of a message: buttons of which one can be chosen, once. */

import type { Entry } from "./conversation";
import { acts } from "./drawing";
import { button, make } from "./elements";
import { texts } from "./look";

export function makeReplies(entry: Entry): HTMLElement {
  const note = failure("");
  const group = make("div.replies", { role: "group", ariaLabel: entry.text_ });
  for (const reply of entry.replies_) {
    const press = (): void => once(group, element, () => acts.choose_(entry, reply), () => (note.textContent = texts.failed));
    const element = button(reply.action === "dismiss" ? "reply quiet" : "reply", press, reply.text);
    element.part.add("reply");
    group.append(element);
  }
  group.append(note);
  return group;
}

/** Lets one button of `scope` be pressed, and shows on it that its work is under way. */
export function once(
  scope: HTMLElement,
  element: HTMLElement,
  work: () => Promise<void>,
  failed: (reason: unknown) => unknown,
): void {
  if (scope.ariaBusy) return;
  element.ariaBusy = scope.ariaBusy = "true";
  work().catch((reason: unknown) => {
    element.ariaBusy = scope.ariaBusy = null;
    failed(reason);
  });
}

/** Makes the line that says why something could not be done; empty, it is not seen. */
export function failure(text: string): HTMLElement {
  return make("p.failed", { role: "status" }, text);
}
