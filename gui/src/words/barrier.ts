/** What to do when the browser stands between this page and a gateway. */

import { type Barrier, barrier } from "../net/barrier";
import { say } from "./index";

const TEXTS: Record<Barrier, () => string> = {
  mixed: () =>
    say("This page came by https, and browsers do not let such a page reach a plain http address. Open the gateway's own page at its address, or ask its owner for a public endpoint."),
  local: () =>
    say("The gateway is on this machine or your own network, and your browser may ask whether this page may reach it: allow it when it asks, or later in the menu beside the address. The gateway's own page needs no permission."),
};

/** For a gateway that did not answer; empty when the browser is not in the way. */
export function barrierWords(gateway: string): string {
  const found = barrier(location.origin, gateway);
  return found ? TEXTS[found]() : "";
}
