/** Booking in the chat: free slots by day, then who comes, then the booking or a fresh choice. */

import type { Entry } from "./conversation";
import { button, hasFocus, make } from "./elements";
import { guarded } from "./guard";
import { book } from "./line";
import { slotTimes, texts } from "./look";
import type { Customer, Slot } from "./protocol";
import { ownId } from "./random_id";
import { failure, once } from "./replies";

/** An address, or a number of at least five digits. */
const REACHABLE = ".+@.+|(\\D*\\d){5,}.*";
const TEXT_CHARS_MAX = 200;

export function makePicker(entry: Entry): HTMLElement {
  const picker = make("div.picker", { role: "group", ariaLabel: texts.book });
  const timesOf = (slot: Slot): [string, string] => slotTimes(slot, entry.timezone_);
  /** Trying again asks for the same booking, not for a second one. */
  const id = ownId();

  /** Replaces what is there; who had the focus in it goes on at `next`. */
  const fill = (next: string, ...children: Node[]): void => {
    const hadFocus = hasFocus(picker);
    picker.replaceChildren(...children);
    if (hadFocus) picker.querySelector<HTMLElement>(next)?.focus();
  };

  const showDays = (note: string): void => {
    const days = new Map<string, HTMLElement>();
    for (const slot of entry.slots_!) {
      const [day, hours] = timesOf(slot);
      const group = days.get(day) ?? make("div.replies", { role: "group", ariaLabel: day }, make("p", {}, day));
      group.append(button("reply", () => showForm(slot), hours));
      days.set(day, group);
    }
    fill(".reply", failure(note), ...days.values());
  };

  const showForm = (slot: Slot): void => {
    const note = failure("");
    const submit = make("button.reply main", {}, texts.book);
    const [name, contact] = [field("name"), field("on")] as const;
    Object.assign(contact, { pattern: REACHABLE, title: texts.contact });
    const failed = (reason: unknown): void => {
      note.textContent = texts.failed;
      if (!`${reason}`.startsWith("slot_")) return;
      entry.slots_ = entry.slots_!.filter((one) => one !== slot);
      showDays(texts.taken);
    };
    const onsubmit = guarded((event: Event) => {
      event.preventDefault();
      const customer = { name: name.value, [contact.value.includes("@") ? "email" : "phone"]: contact.value } as Customer;
      const { appointment_slot } = slot;
      once(form, submit, () => book(appointment_slot, customer, id + appointment_slot), failed);
    });
    const labels = [make("label", {}, texts.name, name), make("label", {}, texts.contact, contact)];
    const form = make("form", { onsubmit }, ...labels, submit, note);
    fill("input", button("reply", () => showDays(""), timesOf(slot).join(", ")), form);
  };

  showDays("");
  return picker;
}

function field(autocomplete: AutoFill): HTMLInputElement {
  return make("input", { required: true, maxLength: TEXT_CHARS_MAX, autocomplete, dir: "auto" });
}
