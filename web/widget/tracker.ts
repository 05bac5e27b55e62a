/** What a visitor does on a page, as events: the page itself, its visible time, and signs of interest. */

import { watchActivity } from "./activity";
import { restartExit, watchExit } from "./exit_intent";
import { restartForms, watchForms } from "./forms";
import { after, listen, type Timer } from "./guard";
import { stamp } from "./queue";
import { addressHere, watchRoutes } from "./route_changes";
import { percentSeen, restartScroll, watchScroll } from "./scroll";
import { hide, hold, leave, type Metadata, resume, track, wake } from "./transport";
import { dwellMs, restartTime, turnTime } from "./visible_time";

/** A site of one page sets the title after the address. */
const TITLE_WAIT_MS = 300;

let url: string | undefined;
/** The page was left; it may come back as it was. */
export let isGone = false;
let titles: Timer;

/** Begins to measure the page that is shown, which began some milliseconds ago; returns its view. */
export function beginPage(agoMs = 0, referrer = document.referrer): ReturnType<typeof track> {
  if (url === undefined) watch();
  url = addressHere();
  restartTime(agoMs);
  restartScroll();
  restartExit();
  restartForms();
  const timestamp = new Date(Date.now() - agoMs).toISOString();
  const here = { url: location.href, title: document.title, referrer };
  const view = track("page_view", undefined, { page: here, timestamp });
  if (document.hidden) track("visibility", { visible: false });
  return view;
}

/** Ends one page and begins another, without a load between them. */
export function changePage(): void {
  const referrer = url;
  endPage();
  hold(true);
  const view = beginPage(0, referrer);
  clearTimeout(titles);
  titles = after(TITLE_WAIT_MS, () => {
    if (view) view.page!.title = document.title;
    hold(false);
  });
}

function endPage(): void {
  track("page_leave", { dwell_ms: dwellMs(), scroll_percent: percentSeen() });
  stamp(url!);
}

/** How the page stands, for a heartbeat. */
export function pulse(): Metadata {
  return { scroll_percent: percentSeen(), visible: !document.hidden };
}

function turn(): void {
  turnTime();
  if (isGone) return;
  track("visibility", { visible: !document.hidden });
  if (document.hidden) hide();
  else wake();
}

function watch(): void {
  watchScroll();
  watchExit();
  watchForms();
  watchActivity();
  watchRoutes(() => addressHere() !== url && changePage());
  listen(document, "visibilitychange", turn);
  listen(window, "online", wake);
  listen(window, "pagehide", () => {
    isGone = true;
    endPage();
    leave();
  });
  listen(window, "pageshow", ({ persisted }: PageTransitionEvent) => {
    isGone = false;
    if (!persisted) return;
    beginPage();
    resume();
  });
}
