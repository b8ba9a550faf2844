/** The beginning. A pairing link is taken out of the address bar and the history before anything else looks at it. */

import { asksForPairing } from "./protocol/link";

const brought = asksForPairing(location.hash) ? location.hash : undefined;
if (brought !== undefined) history.replaceState(null, "", `${location.pathname}#/pair`);

const { start } = await import("./start");
await start(brought);

export {};
