/** Changes of address without a load, in sites of one page: by the Navigation API, or by the history. */

import { guarded, listen } from "./guard";
import { snippet } from "./snippet";

/** What tells one page from another: the address, with its hash where the site routes by it. */
export function addressHere(): string {
  return snippet.hashRoutes === undefined ? location.href.replace(/#.*/, "") : location.href;
}

/** Calls `changed` after each change; it may find the same address as before. */
export function watchRoutes(changed: () => void): void {
  const { navigation } = window as { navigation?: EventTarget };
  if (navigation) return listen(navigation, "currententrychange", changed);
  listen(window, "popstate hashchange", changed);
  const told = guarded(changed);
  for (const name of ["pushState", "replaceState"] as const) {
    const original = history[name];
    history[name] = function (...given) {
      original.apply(this, given);
      told();
    };
  }
}
