/** What the script tag, or `opportune("init", …)`, says: which widget, of which server, under which rules. */

/** Names are those of the tag's `data-` attributes, and public. */
export interface Snippet {
  widget: string;
  token: string;
  /** The server's address, without a slash at its end; by default the script's own. */
  url: string;
  consent?: string;
  gpc?: string;
  hashRoutes?: unknown;
  locale?: string;
}

/** The page's one snippet; there is none before `readSnippet`. */
export let snippet: Snippet;

/** Reads the tag; `given` wins over what it says. Tells whether both name a widget and its token. */
export function readSnippet(tag: HTMLScriptElement | null, given?: Partial<Snippet>): boolean {
  const url = tag?.src.replace(/\/[^/]*$/, "");
  snippet = { url, ...tag?.dataset, ...given } as Snippet;
  return !!(snippet.widget && snippet.token);
}
