/** Forms that are begun and sent, and clicks on what the site marked: names alone, never what is in them. */

import { listen } from "./guard";
import { track } from "./transport";

let begun = new WeakSet<Element>();

export function restartForms(): void {
  begun = new WeakSet();
}

export function watchForms(): void {
  const tell = (event: string, form: Element): unknown => track(event, { form: nameOf(form) });
  listen(document, "input", ({ target }) => {
    const form = (target as Element).closest("form");
    if (!form || begun.has(form)) return;
    begun.add(form);
    tell("form_start", form);
  });
  listen(document, "submit", ({ target }) => tell("form_submit", target as Element));
  listen(document, "click", ({ target }) => {
    const marked = (target as Element).closest("[data-opportune]");
    if (marked) track("click", { target: marked.getAttribute("data-opportune") || nameOf(marked) });
  });
}

// Not `form.id`: that may be a field of this name.
function nameOf(element: Element): string {
  return element.getAttribute("id") || element.getAttribute("name") || "";
}
