/** A list of rows of one height, of which only those in sight are in the page. */

export interface Slice {
  /** Rows `first` (inclusive) to `last` (exclusive). */
  first: number;
  last: number;
  /** Pixels from the list's beginning to the first of them. */
  top: number;
  /** Of all rows together. */
  height: number;
}

/** The rows to draw, with some beyond each edge so that scrolling shows no holes. */
export function slice(scrolled: number, viewport: number, row: number, total: number, beyond = 8): Slice {
  const height = total * row;
  const at = Math.min(Math.max(0, scrolled), Math.max(0, height - viewport));
  const first = Math.max(0, Math.floor(at / row) - beyond);
  const last = Math.min(total, Math.ceil((at + viewport) / row) + beyond);
  return { first, last: Math.max(first, last), top: first * row, height };
}

/** Where a key leads from row `active` (-1: none yet), or undefined for keys that lead nowhere. */
export function moved(key: string, active: number, total: number, page: number): number | undefined {
  if (total === 0) return undefined;
  const bound = (index: number): number => Math.min(total - 1, Math.max(0, index));
  switch (key) {
    case "ArrowDown": return bound(active + 1);
    case "ArrowUp": return bound(active < 0 ? 0 : active - 1);
    case "PageDown": return bound(Math.max(0, active) + Math.max(1, page));
    case "PageUp": return bound(active - Math.max(1, page));
    case "Home": return 0;
    case "End": return total - 1;
    default: return undefined;
  }
}

/** The least scrolling after which a row is whole in sight. */
export function reaching(index: number, scrolled: number, viewport: number, row: number): number {
  const top = index * row;
  if (top < scrolled) return top;
  return top + row > scrolled + viewport ? top + row - viewport : scrolled;
}

/** How far to scroll so that the row at the upper edge stays there when rows come or go above it. */
export function anchored(scrolled: number, row: number, before: number, after: number): number {
  return scrolled <= 0 || after < 0 ? scrolled : Math.max(0, scrolled + (after - before) * row);
}
