/** Where somebody is: the fragment, so that a static site needs no rules for paths. */

import { shallowRef } from "vue";

export interface Route {
  /** First part of the path: `jobs`, `submit`, `engines`, `people`, `gateways`, `pair`, `status`, `settings`. */
  name: string;
  /** What follows it. */
  rest: string[];
}

export const route = shallowRef<Route>(read());

function read(): Route {
  const [name = "", ...rest] = location.hash.replace(/^#\/?/, "").split("?")[0]!.split("/").map(decodeURIComponent);
  return { name, rest };
}

/** Follow the address bar. */
export function begin(): void {
  addEventListener("hashchange", () => (route.value = read()));
}

/** Go somewhere in this program. */
export function go(path: string): void {
  location.hash = `#/${path}`;
}
