/** What keeps our failures away from the page, and the one line a page load that its owner is told. */

export type Timer = ReturnType<typeof setTimeout> | undefined;

let isTold = false;

/** Tells the site's owner, once, what is wrong and what to do about it. */
export function warn(words: unknown): void {
  if (isTold) return;
  isTold = true;
  try {
    console.warn(`opportune: ${words}`);
  } catch {
    // A console of the page's own making.
  }
}

/** Makes a function of which no exception and no rejection reaches the page. */
export function guarded<Given extends unknown[]>(
  work: (...given: Given) => unknown,
): (...given: Given) => void {
  return (...given) => {
    try {
      (work(...given) as Promise<unknown> | undefined)?.catch?.(warn);
    } catch (error) {
      warn(error);
    }
  };
}

/** Listens without ever delaying the page; `types` are separated by spaces. */
export function listen<E extends Event>(target: EventTarget, types: string, work: (event: E) => unknown): void {
  const safe = guarded(work) as EventListener;
  for (const type of types.split(" ")) target.addEventListener(type, safe, { passive: true, capture: true });
}

export function after(waitMs: number, work: () => unknown): Timer {
  return setTimeout(guarded(work), waitMs);
}
