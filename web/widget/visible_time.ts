/** How long a page has been visible, by the monotonic clock: a hidden tab does not count. */

let seenMs = 0;
/** Since when the page is visible; -1 while it is not. */
let sinceMs = -1;

/** Begins at zero with a page that has been there for some time. */
export function restartTime(agoMs: number): void {
  seenMs = 0;
  sinceMs = document.hidden ? -1 : performance.now() - agoMs;
}

/** Goes on as the document is now, visible or hidden. */
export function turnTime(): void {
  seenMs = dwellMs();
  sinceMs = document.hidden ? -1 : performance.now();
}

export function dwellMs(): number {
  return Math.round(seenMs + (sinceMs < 0 ? 0 : performance.now() - sinceMs));
}
