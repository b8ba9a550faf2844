import { beforeEach, describe, expect, test, vi } from "vitest";
import { Problem, UNREACHABLE } from "../src/net/problem";

const kept = new Map<string, { key: string; gateway: string; body: string; at: string }>();
vi.mock("../src/keys/database", () => ({
  all: async () => [...kept.values()],
  keep: async (_table: string, row: { key: string; gateway: string; body: string; at: string }) => void kept.set(row.key, row),
  forget: async (_table: string, key: string) => void kept.delete(key),
}));
const { giveUp, resubmit, submit } = await import("../src/state/gateways");
type Shown = Parameters<typeof submit>[0];

const DRAFT = { engine: "any", kind: "echo", payload: {}, priority: 3, max_attempts: 3, timeout_s: 300 } as unknown as Parameters<typeof submit>[1];
const SILENCE = new Problem(UNREACHABLE, "", "");
const refusal = (status: number): Problem => new Problem("x.y", "No", "", status);

/** A gateway that answers as told, and makes one job for each key. */
function gateway(...answers: (Problem | "job" | "job, but the answer is lost")[]) {
  const keys: string[] = [];
  const made = new Map<string, { id: string }>();
  const call = async (_path: string, options: { headers: Record<string, string> }): Promise<unknown> => {
    const key = options.headers["Idempotency-Key"]!;
    keys.push(key);
    const answer = answers.shift() ?? "job";
    if (answer instanceof Problem) throw answer;
    if (!made.has(key)) made.set(key, { id: `e_${made.size}` });
    if (answer !== "job") throw SILENCE;
    return { job: made.get(key) };
  };
  const state = { row: { id: "g" }, client: { call }, jobs: new Map(), waiting: new Map() } as unknown as Shown;
  return { state, keys, made };
}

describe("a submit", () => {
  beforeEach(() => {
    kept.clear();
    vi.useFakeTimers();
  });

  test("whose answer is lost is sent again with its key and is one job", async () => {
    const { state, keys, made } = gateway("job, but the answer is lost", SILENCE, refusal(503));
    const told = vi.fn();
    const answer = submit(state, DRAFT, told);
    await vi.waitFor(() => expect(told).toHaveBeenCalledOnce());
    expect(state.waiting.size).toBe(1);
    for (let turn = 0; turn < 3; turn++) await resubmit(state);
    expect((await answer).id).toBe("e_0");
    expect(new Set(keys).size).toBe(1);
    expect([made.size, kept.size, state.waiting.size]).toEqual([1, 0, 0]);
  });

  test("that may have arrived is not forgotten because this browser asked too often or must sign in", async () => {
    const { state, made } = gateway("job, but the answer is lost", refusal(429), refusal(401));
    const answer = submit(state, DRAFT, () => undefined);
    await vi.waitFor(() => expect(state.waiting.size).toBe(1));
    await resubmit(state);
    await resubmit(state);
    expect(kept.size).toBe(1);
    await resubmit(state);
    await answer;
    expect(made.size).toBe(1);
  });

  test("that is refused is told at once and forgotten", async () => {
    const { state } = gateway(refusal(422));
    await expect(submit(state, DRAFT, () => undefined)).rejects.toMatchObject({ status: 422 });
    expect([kept.size, state.waiting.size]).toEqual([0, 0]);
  });

  test("is in the database before it is sent", async () => {
    const { state } = gateway();
    const before: number[] = [];
    const { call } = state.client;
    Object.assign(state.client, { call: async (...given: Parameters<typeof call>) => (before.push(kept.size), call(...given)) });
    await submit(state, DRAFT);
    expect(before).toEqual([1]);
  });

  test("that is older than the gateway's memory of keys is not sent by itself", async () => {
    const { state, keys } = gateway();
    kept.set("k", { key: "k", gateway: "g", body: "{}", at: new Date(Date.now() - 48 * 3600 * 1000).toISOString() });
    await resubmit(state);
    expect(keys).toEqual([]);
    expect(state.waiting.size).toBe(1);
  });

  test("that is given up is not sent any more", async () => {
    const { state, keys } = gateway(SILENCE);
    const answer = submit(state, DRAFT, () => undefined);
    await vi.waitFor(() => expect(state.waiting.size).toBe(1));
    await giveUp(state, keys[0]!);
    await expect(answer).rejects.toMatchObject({ code: "submit.given_up" });
    await resubmit(state);
    expect(keys).toHaveLength(1);
  });
});
