/** What a browser may put between this page and a gateway that is there. */

/** `mixed`: Mixed Content (W3C). `local`: Local Network Access (WICG), about which the browser asks the person. */
export type Barrier = "mixed" | "local";

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;
const PRIVATE = /^(10(\.\d+){3}|192\.168(\.\d+){2}|172\.(1[6-9]|2\d|3[01])(\.\d+){2}|169\.254(\.\d+){2}|\[f[cde].*\]|.*\.(local|lan|home|internal))$/;

/** Between a page and a gateway, both named by their origin; nothing when there is no reason to think of one. */
export function barrier(page: string, gateway: string): Barrier | undefined {
  if (page === gateway) return undefined;
  const [from, to] = [new URL(page), new URL(gateway)];
  const near = LOOPBACK.test(to.hostname);
  if (from.protocol === "https:" && to.protocol === "http:" && !near) return "mixed";
  return near || PRIVATE.test(to.hostname) ? "local" : undefined;
}
