/** What the page hears of the widget: events of the document, and functions that it gave for them. */

export type Heard = (detail: unknown) => void;

const listeners = new WeakMap<Heard, EventListener>();
let ready: object | undefined;

const typeOf = (name: unknown): string => `opportune:${name}`;

/** Tells the page; an exception of its own listeners stays its own. */
export function tell(name: string, detail: object): void {
  if (name === "ready") ready = detail;
  document.dispatchEvent(new CustomEvent(typeOf(name), { detail }));
}

/** Hears of `name` from now on; that the widget is ready is heard afterwards too. */
export function on(name: unknown, heard: Heard): void {
  const listener: EventListener = (event) => heard((event as CustomEvent).detail);
  listeners.set(heard, listener);
  document.addEventListener(typeOf(name), listener);
  if (name === "ready" && ready) heard(ready);
}

export function off(name: unknown, heard: Heard): void {
  document.removeEventListener(typeOf(name), listeners.get(heard)!);
}
