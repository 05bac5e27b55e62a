/** Where the visitor writes. */

import { addWords } from "./conversation";
import { icon, make } from "./elements";
import { after, guarded, type Timer } from "./guard";
import { sendTyping } from "./line";
import { texts } from "./look";
import { ownId } from "./random_id";
import { deliver } from "./shell";

const UP = "M12 19V5M5.5 11.5L12 5l6.5 6.5";
const TEXT_CHARS_MAX = 4_000;
/** Who has not touched a key for so long has stopped typing. */
const REST_MS = 3_000;

export let input: HTMLTextAreaElement;
let resting: Timer;

export function makeComposer(): HTMLElement {
  const { write } = texts;
  const named = { placeholder: write, ariaLabel: write, dir: "auto", enterKeyHint: "send" };
  input = make("textarea", { rows: 1, maxLength: TEXT_CHARS_MAX, ...named, oninput: guarded(type) });
  input.onkeydown = guarded((event: KeyboardEvent) => {
    // While an input method composes, Enter ends the composition.
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
  });
  const button = make("button.send", { ariaLabel: texts.send }, icon(UP));
  return make("form.composer", { onsubmit: guarded(submit) }, input, button);
}

function submit(event: Event): void {
  event.preventDefault();
  const text = input.value.trim();
  if (!text) return;
  input.value = "";
  deliver(addWords(ownId(), text, "own"));
}

/** Tells of typing once a burst, and of its end. */
function type(): void {
  if (!resting) sendTyping(true);
  clearTimeout(resting);
  resting = after(REST_MS, () => {
    resting = undefined;
    sendTyping(false);
  });
}
