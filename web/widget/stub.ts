/** Takes calls before the script has loaded, with the page and the time at which they were made. */

interface Window {
  opportune?: { (...given: unknown[]): void; q?: unknown[] };
}

window.opportune ||= function (): void {
  (window.opportune!.q ||= []).push([arguments, location.href, Date.now()]);
};
