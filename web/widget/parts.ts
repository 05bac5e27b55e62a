/** What visitors seldom need of the chat: files of their own, loaded when they do. */

import type { Booking } from "./offer";
import { snippet } from "./snippet";

interface Parts {
  booking: Booking;
  sound: { play(): void };
}

let failures = 0;

/** Loads a part. A browser may remember that an address failed: with another fragment it is another, of the same file. */
export async function load<Name extends keyof Parts>(name: Name): Promise<Parts[Name]> {
  try {
    return await import(`${snippet.url}/${name}.js#${failures}`);
  } catch (error) {
    failures++;
    throw error;
  }
}
