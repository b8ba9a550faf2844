/** Where somebody is: the fragment, so that a static site needs no rules for paths. */

import { shallowRef } from "vue";
import { asksForPairing } from "./protocol/link";
import { brought } from "./state/pairing";

export interface Route {
  /** First part of the path: `jobs`, `submit`, `engines`, `people`, `gateways`, `pair`, `status`, `settings`. */
  name: string;
  /** What follows it. */
  rest: string[];
}

export const route = shallowRef<Route>(read());

function read(): Route {
  const [name = "", ...rest] = location.hash.replace(/^#\/?/, "").split("?")[0]!.split("/").map(decoded);
  return { name, rest };
}

/** Part of an address that may have been typed by hand: what cannot be decoded stays as it is. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Follow the address bar; a pairing link that is opened in a page that is there already is taken out of it at once. */
export function begin(): void {
  addEventListener("hashchange", () => {
    if (asksForPairing(location.hash)) {
      brought.value = location.hash;
      history.replaceState(null, "", `${location.pathname}#/pair`);
    }
    route.value = read();
  });
}

/** Go somewhere in this program. */
export function go(path: string): void {
  location.hash = `#/${path}`;
}
