/** Booking in the chat, loaded when there is something to book: free slots by day, who comes, what was booked. */

import STYLE from "./booking_style.css";
import { hasFocus, make } from "./elements";
import type { Offer } from "./offer";
import type { Slot } from "./protocol";

/** An address, or a number of at least five digits. */
const REACHABLE = ".+@.+|(\\D*\\d){5,}.*";
const TEXT_CHARS_MAX = 200;

const sheet = new CSSStyleSheet();
sheet.replaceSync(STYLE);

/** Lets the visitor choose a slot and say who comes; a slot that is gone leaves a fresh choice. */
export function slots(place: HTMLElement, offer: Offer): void {
  const { words } = offer;
  let free = offer.slots;
  /** Trying again asks for the same booking, not for a second one. */
  const id = crypto.getRandomValues(new Uint32Array(3)).join("-");
  const note = make("p.failed", { role: "status" });

  /** Replaces what is there; who had the focus in it goes on at `next`. */
  const fill = (said: string, next: string, ...children: Node[]): void => {
    const hadFocus = hasFocus(place);
    note.textContent = said;
    place.replaceChildren(note, ...children);
    if (hadFocus) place.querySelector<HTMLElement>(next)?.focus();
  };

  const showDays = (said: string): void => {
    const days = new Map<string, HTMLElement>();
    for (const slot of free) {
      const [day, hours] = timesOf(slot, offer);
      const group = days.get(day) ?? make("div.replies", { role: "group", ariaLabel: day }, make("p", {}, day));
      group.append(choice(hours, () => showForm(slot)));
      days.set(day, group);
    }
    fill(said, ".reply", ...days.values());
  };

  const showForm = (slot: Slot): void => {
    const [name, contact] = [field("name"), field("on")] as const;
    Object.assign(contact, { pattern: REACHABLE, title: words.contact });
    const submit = make("button.reply main", {}, words.book);
    const onsubmit = async (event: Event): Promise<void> => {
      event.preventDefault();
      if (submit.ariaBusy) return;
      submit.ariaBusy = "true";
      const { appointment_slot } = slot;
      const customer = { name: name.value, [contact.value.includes("@") ? "email" : "phone"]: contact.value };
      try {
        await offer.book(appointment_slot, customer, id + appointment_slot);
      } catch (reason) {
        submit.ariaBusy = null;
        note.textContent = words.failed;
        if (!`${reason}`.startsWith("slot_")) return;
        free = free.filter((one) => one !== slot);
        showDays(words.taken);
      }
    };
    const labels = [make("label", {}, words.name, name), make("label", {}, words.contact, contact)];
    const form = make("form", { onsubmit }, ...labels, submit);
    fill("", "input", choice(timesOf(slot, offer).join(", "), () => showDays("")), form);
  };

  wearStyle(place.getRootNode() as ShadowRoot);
  Object.assign(place, { className: "picker", role: "group", ariaLabel: words.book });
  showDays("");
}

/** Says when it is, as the visitor's language writes it. */
export function booked(place: HTMLElement, offer: Offer): void {
  const taken = offer.slots.find(({ date, time }) => `${date}, ${time}` === offer.booked);
  if (taken) place.textContent = `✓ ${timesOf(taken, offer).join(", ")}`;
}

/** A place that was taken out meanwhile has no root to be styled in. */
function wearStyle({ adoptedStyleSheets }: ShadowRoot): void {
  if (!adoptedStyleSheets?.includes(sheet)) adoptedStyleSheets?.push(sheet);
}

/** Writes when a slot is, on its calendar's clock: its day, named with the clock where that is not ours, and its hours. */
function timesOf(slot: Slot, { locale, timezone, own_timezone }: Offer): [string, string] {
  const from = new Date(slot.appointment_slot);
  try {
    const zone = timezone && { timeZone: timezone };
    const named = timezone !== own_timezone && ({ timeZoneName: "short" } as const);
    const day = { weekday: "short", day: "numeric", month: "short", ...zone, ...named } as const;
    const hours = Intl.DateTimeFormat(locale, { timeStyle: "short", ...zone });
    return [from.toLocaleDateString(locale, day), hours.formatRange(from, new Date(slot.end))];
  } catch {
    // A locale or zone that this browser does not know: the server's own words will do.
    return [slot.date, slot.time];
  }
}

function choice(words: string, onclick: () => void): HTMLElement {
  return make("button.reply", { type: "button", dir: "auto", onclick }, words);
}

function field(autocomplete: AutoFill): HTMLInputElement {
  return make("input", { required: true, maxLength: TEXT_CHARS_MAX, autocomplete, dir: "auto" });
}
