/** What a page keeps behind the `?` of its fragment, so that a link or a reload shows the same. */

/** The values in the address. */
export function asked(): URLSearchParams {
  return new URLSearchParams(location.hash.split("?")[1] ?? "");
}

/** Write them there; the way back does not grow. Empty ones are left out. */
export function ask(values: Record<string, string>): void {
  const kept = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== ""));
  const path = location.hash.split("?")[0] ?? "";
  const text = kept.toString();
  history.replaceState(history.state, "", `${location.pathname}${location.search}${path}${text ? `?${text}` : ""}`);
}
