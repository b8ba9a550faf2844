import { describe, expect, test } from "vitest";
import { broken, type LogLine, logged, merged, type Output, settled } from "../src/state/output";
import { utf8 } from "../src/protocol/bytes";

const WORDS = ["Hel", "lo, ", "wörld ", "🙂", "中文", " end"];
const WHOLE = WORDS.join("");

function pieces(delivery = 1): { delivery: number; offset: number; text: string }[] {
  let offset = 0;
  return WORDS.map((text) => {
    const piece = { delivery, offset, text };
    offset += utf8(text).length;
    return piece;
  });
}
const all = (given: { delivery: number; offset: number; text: string }[]): Output | undefined => given.reduce<Output | undefined>(merged, undefined);

describe("a job's output", () => {
  test("is whole in whatever order its pieces come, and however often", () => {
    for (let shift = 0; shift < WORDS.length; shift++) {
      const turned = [...pieces().slice(shift), ...pieces().slice(0, shift)];
      const output = all([...turned, ...turned.reverse()]);
      expect(output?.text).toBe(WHOLE);
      expect(output?.bytes).toBe(utf8(WHOLE).length);
      expect(broken(output)).toBe(false);
    }
  });

  test("is broken while a piece in the middle is missing, and whole once the gateway told all of it", () => {
    const given = pieces();
    const output = all([given[0]!, given[2]!, given[5]!]);
    expect(output?.text).toBe("Hel");
    expect(broken(output)).toBe(true);
    const upTo = WORDS.slice(0, 5).join("");
    const whole = settled(output, { delivery: 1, offset: utf8(upTo).length, text: upTo });
    expect(whole.text).toBe(WHOLE);
    expect(broken(whole)).toBe(false);
  });

  test("takes what is new of a piece that begins in what is known", () => {
    const known = settled(undefined, { delivery: 1, offset: utf8("wör").length, text: "wör" });
    expect(merged(known, { delivery: 1, offset: 0, text: "wörld" }).text).toBe("wörld");
    expect(merged(known, { delivery: 1, offset: 0, text: "w" })).toBe(known);
  });

  test("begins anew with a later delivery and ignores an earlier one", () => {
    const first = all(pieces(1));
    const second = merged(first, { delivery: 2, offset: 0, text: "again" });
    expect(second.text).toBe("again");
    expect(merged(second, { delivery: 1, offset: 0, text: "old" })).toBe(second);
    expect(settled(second, { delivery: 1, offset: 3, text: "old" })).toBe(second);
  });

  test("loses nothing to an answer that is older than the events", () => {
    const live = all(pieces());
    expect(settled(live, { delivery: 1, offset: 3, text: "Hel" })).toBe(live);
  });
});

describe("a job's log", () => {
  const line = (offset: number, delivery = 1): LogLine => ({ level: "info", message: `${delivery}.${offset}`, attempt: delivery, delivery, offset });
  const told = (lines: readonly LogLine[]): string[] => lines.map((one) => one.message);

  test("has each line once, in order, also when earlier ones come later", () => {
    const late = logged([line(2), line(0, 2)], [line(0), line(1), line(2)]);
    expect(told(late)).toEqual(["1.0", "1.1", "1.2", "2.0"]);
    expect(told(logged(late, [line(0, 2), line(1, 2)]))).toEqual(["1.0", "1.1", "1.2", "2.0", "2.1"]);
  });
});
