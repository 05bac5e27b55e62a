/** What the visitor agreed to, and whether anything may be measured, kept or sent. */

import type { ConsentState } from "./protocol";
import { snippet } from "./snippet";
import { read } from "./storage";

export let consent: ConsentState | undefined;

export function setConsent(state: ConsentState): void {
  consent = state;
}

export function recallConsent(): void {
  consent = read("sessionStorage").consent ?? read("localStorage").consent;
}

/** Without a word of the visitor, the browser's privacy signal and the site's own rule decide. */
export function isConsentGiven(): boolean {
  const { globalPrivacyControl } = navigator as { globalPrivacyControl?: boolean };
  const isFree = snippet.consent !== "required" && (!globalPrivacyControl || snippet.gpc === "ignore");
  return consent === "granted" || (isFree && consent !== "denied");
}
