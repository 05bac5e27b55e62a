/** What the site's owner is told when nothing comes through: the cause as far as it can be known, and what to do. */

import { warn } from "./guard";
import type { Answer } from "./server";
import { snippet } from "./snippet";

/** Of a request without an answer a browser hides the cause. */
export function explain({ status_, body_ }: Answer): void {
  const { url } = snippet;
  warn(`${status_ ? `${status_} ${body_.error}` : `no answer to ${location.origin}`}. See ${url}/docs`);
}
