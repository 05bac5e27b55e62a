/** The tracker and its transport alone: built to be weighed, and never served. */

import { readSnippet } from "./snippet";
import { beginPage } from "./tracker";
import { connect, goLive } from "./transport";

readSnippet(document.currentScript as HTMLScriptElement | null);
goLive();
beginPage();
void connect();
