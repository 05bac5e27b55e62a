/**
 * What `widget.js` and `booking.js` know of each other. A browser may hold one of them a day longer than the other:
 * nothing here is renamed, and what is added may be missing.
 */

import type { Customer, Language, Slot } from "./protocol";

export interface Offer {
  /** Those that were free; none where a page does not know them any more. */
  slots: Slot[];
  /** Which of them was booked: its date, a comma, a space, its time. */
  booked: string;
  /** The calendar's. */
  timezone: string | undefined;
  /** The visitor's. */
  own_timezone: string | undefined;
  /** A language tag, of dates. */
  locale: string;
  words: Language["words"];
  /** Books under an id that makes it harmless to try again; rejects with the server's reason, such as `slot_taken`. */
  book(slot: string, customer: Customer, id: string): Promise<void>;
}

/**
 * What `booking.js` exports: each fills a place in the chat's shadow root. Forms, labels, inputs, and the classes `reply`,
 * `main`, `replies` and `failed` are styled by the chat; all else it styles itself.
 */
export interface Booking {
  slots(place: HTMLElement, offer: Offer): void;
  booked(place: HTMLElement, offer: Offer): void;
}
