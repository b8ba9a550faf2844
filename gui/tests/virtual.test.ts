import { describe, expect, test } from "vitest";
import { anchored, moved, reaching, slice } from "../src/parts/virtual";

const ROW = 56;

describe("a list of which only the rows in sight are drawn", () => {
  test("draws every row in sight, and few more, wherever it is scrolled", () => {
    const total = 10_000;
    for (let scrolled = 0; scrolled <= total * ROW; scrolled += 7919) {
      const seen = slice(scrolled, 600, ROW, total);
      const at = Math.min(scrolled, total * ROW - 600);
      expect(seen.first * ROW).toBeLessThanOrEqual(at);
      expect(seen.last * ROW).toBeGreaterThanOrEqual(at + 600);
      expect(seen.last - seen.first).toBeLessThanOrEqual(Math.ceil(600 / ROW) + 17);
      expect(seen.top).toBe(seen.first * ROW);
    }
  });

  test("is right for none, for few, and beyond the ends", () => {
    expect(slice(0, 600, ROW, 0)).toEqual({ first: 0, last: 0, top: 0, height: 0 });
    expect(slice(5000, 600, ROW, 3)).toMatchObject({ first: 0, last: 3 });
    expect(slice(-50, 600, ROW, 100).first).toBe(0);
  });

  test("keys lead to rows that exist", () => {
    expect(moved("ArrowDown", -1, 5, 3)).toBe(0);
    expect(moved("ArrowUp", -1, 5, 3)).toBe(0);
    expect(moved("ArrowDown", 4, 5, 3)).toBe(4);
    expect(moved("PageDown", 0, 5, 3)).toBe(3);
    expect(moved("PageUp", 2, 5, 3)).toBe(0);
    expect(moved("Home", 3, 5, 3)).toBe(0);
    expect(moved("End", 0, 5, 3)).toBe(4);
    expect(moved("x", 0, 5, 3)).toBeUndefined();
    expect(moved("End", -1, 0, 3)).toBeUndefined();
  });

  test("scrolls no further than a row needs to be whole in sight", () => {
    expect(reaching(5, 0, 600, ROW)).toBe(0);
    expect(reaching(0, 300, 600, ROW)).toBe(0);
    expect(reaching(20, 0, 600, ROW)).toBe(21 * ROW - 600);
  });

  test("stays with the row at the upper edge when others come above it", () => {
    expect(anchored(560, ROW, 10, 13)).toBe(560 + 3 * ROW);
    expect(anchored(0, ROW, 0, 3)).toBe(0);
    expect(anchored(560, ROW, 10, -1)).toBe(560);
  });
});
