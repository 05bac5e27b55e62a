/** What the site's owner is told when nothing comes through: the cause as far as it can be known, and what to do. */

import { warn } from "./guard";
import type { Answer } from "./server";
import { snippet } from "./snippet";

/** Of a request without an answer a browser hides the cause. */
export function explain({ status_, body_ }: Answer): void {
  const { url } = snippet;
  const cause = status_
    ? `${status_} ${body_.error}. Compare with opportune init --show-snippet`
    : `no answer: server down, ${location.origin} not in origins, CSP connect-src, or ad blocker`;
  warn(`${cause}. See ${url}/docs`);
}
