import { expect, test } from "vitest";
import type { Job } from "../src/state/gateways";
import { fits, newestFirst, queryOf } from "../src/state/listing";

const ALL = { state: "", kind: "", engine: "", text: "" };
const job = (id: string, more: Partial<Job> = {}): Job => ({ id, engine: "e1", kind: "chat", state: "dead", trace_id: "abc", error: { code: "job.timeout", message: "Too long" }, ...more }) as Job;

test("jobs of several engines stand in the order of their time, not of their engines", () => {
  const ids = ["zz_0190-1", "aa_0190-3", "mm_0190-2"].map((id) => ({ id }));
  expect(ids.sort(newestFirst).map((one) => one.id)).toEqual(["aa_0190-3", "mm_0190-2", "zz_0190-1"]);
});

test("a filter holds back what does not fit", () => {
  const name = (id: string): string => ({ e1: "Home" })[id] ?? id;
  const kept = (filter: Partial<typeof ALL>): boolean => fits(job("e1_1"), { ...ALL, ...filter }, name);
  expect(kept({})).toBe(true);
  expect(kept({ state: "queued,dead" })).toBe(true);
  expect(kept({ state: "queued" })).toBe(false);
  expect(kept({ kind: "cha" })).toBe(false);
  expect(kept({ text: " home " })).toBe(true);
  expect(kept({ text: "TOO LONG" })).toBe(true);
  expect(kept({ text: "elsewhere" })).toBe(false);
});

test("the gateway is asked for what it can filter", () => {
  expect(queryOf({ ...ALL, state: "queued,running", kind: "a b", text: "x" }, "c&d")).toBe("limit=200&state=queued&state=running&kind=a+b&cursor=c%26d");
});
