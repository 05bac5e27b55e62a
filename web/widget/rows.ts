/** The entries of the panel's log, each made once and brought up to date. */

import type { Entry } from "./conversation";
import { button, linked, make, makeDots, words } from "./elements";
import { warn } from "./guard";
import { book } from "./line";
import { config, texts } from "./look";
import { follow } from "./panel";
import { load } from "./parts";
import { makeReplies } from "./replies";
import { context } from "./session";
import { deliver } from "./shell";

export interface Row {
  element_: HTMLElement;
  draw_(): void;
}

export function makeRow(entry: Entry): Row {
  const { kind_, from_ } = entry;
  const isWords = kind_ === "words";
  const bubble = isWords ? words("bubble") : madeOnce(entry);
  const element = make(`div.row ${from_}`, {}, bubble);
  let text: string | undefined;
  let state = "";
  let extra: HTMLElement | undefined;
  // Whose words these are is told by side and colour, which not everybody sees.
  if (isWords && from_ !== "visitor") bubble.before(make("span.spoken", {}, `${config.name}: `));

  const draw = (): void => {
    const { progress_, text_, isAnswered_ } = entry;
    element.hidden = kind_ === "slots" && isAnswered_;
    if (!isWords) return;
    if (text_ !== text) bubble.replaceChildren(...linked((text = text_)));
    const hasReplies = entry.replies_[0] && !isAnswered_;
    const now = hasReplies ? "replies" : progress_;
    if (now === state) return;
    state = now;
    element.ariaBusy = `${progress_ === "writing"}`;
    extra?.remove();
    extra = undefined;
    if (hasReplies) extra = makeReplies(entry);
    if (progress_ === "failed") extra = button("failed", () => deliver(entry), texts.failed);
    if (extra) element.append(extra);
  };
  return { element_: element, draw_: draw };
}

/** Makes what never changes. */
function madeOnce(entry: Entry): HTMLElement {
  const { kind_, text_ } = entry;
  if (kind_ === "slots") return fill(make("div"), entry);
  if (kind_ === "booked") return fill(words("bubble", `✓ ${text_}`), entry);
  if (kind_ === "phone") {
    const href = `tel:${text_.replace(/[^\d+*#]/g, "")}`;
    return make("a.reply main", { href }, "☎ ", make("bdi", {}, text_));
  }
  return words("note", texts[kind_ as "joined"].replace("#", () => text_));
}

/** Lets booking.js fill a place, and returns it; what was booked is written there already, if not as nicely. */
function fill(place: HTMLElement, entry: Entry): HTMLElement {
  const { kind_, text_, slots_, timezone_ } = entry;
  if (kind_ === "slots") place.replaceChildren(makeDots());
  load("booking")
    .then((booking) =>
      follow(() =>
        booking[kind_ as "slots"](place, {
          slots: slots_ ?? [],
          booked: text_,
          timezone: timezone_,
          own_timezone: context.timezone,
          locale: config.language.locale,
          words: texts,
          book,
        }),
      ),
    )
    .catch((error) => {
      warn(error);
      if (kind_ === "slots") place.replaceChildren(button("failed", () => fill(place, entry), texts.failed));
    });
  return place;
}
