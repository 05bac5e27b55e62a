/** The round button in the corner, with a badge while something there is unseen. */

import { button, icon, make } from "./elements";
import { texts } from "./look";

const BUBBLE = "M21 11.5a8.4 8.4 0 0 1-12.3 7.4L3.5 20.5l1.6-5.1A8.4 8.4 0 1 1 21 11.5z";
const DOWN = "M6 9.5l6 6 6-6";

export let launcher: HTMLElement;
let picture: SVGElement;
let badge: HTMLElement;

export function makeLauncher(toggle: () => void): void {
  picture = icon(BUBBLE);
  badge = make("span.badge", { ariaHidden: "true" });
  launcher = button("launcher", toggle, picture, badge);
  launcher.part.add("launcher");
}

/** Its parts stay: made anew between a press and its release, the button would miss the click. */
export function drawLauncher(isOpen: boolean, unseen: number): void {
  const name = isOpen ? texts.close : texts.open;
  Object.assign(launcher, { ariaLabel: unseen ? `${name} (${unseen})` : name, ariaExpanded: `${isOpen}` });
  picture.firstElementChild!.setAttribute("d", isOpen ? DOWN : BUBBLE);
  badge.textContent = `${unseen || ""}`;
}
