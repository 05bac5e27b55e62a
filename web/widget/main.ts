/** The widget as sites load it. */

import { boot } from "./boot";
import "./conversation_line";

boot();
