/** The options of a submit, as typed, and as the gateway takes them. */

import type { Schemas } from "../net/client";

export interface Options {
  priority: number;
  maxAttempts: number;
  timeoutS: number;
  /** Local time, as `<input type="datetime-local">` gives it; empty: now. */
  runAt: string;
  /** Minutes; empty: never. */
  expiresMinutes: number | "";
}

export function plainOptions(): Options {
  return { priority: 3, maxAttempts: 3, timeoutS: 300, runAt: "", expiresMinutes: "" };
}

/** A draft for the gateway. */
export function draftOf(engine: string, kind: string, payload: unknown, options: Options): Schemas["JobDraft"] {
  return {
    engine,
    kind,
    payload,
    priority: options.priority,
    max_attempts: options.maxAttempts,
    timeout_s: options.timeoutS,
    run_at: options.runAt === "" ? null : new Date(options.runAt).toISOString(),
    expires_in: options.expiresMinutes === "" ? null : options.expiresMinutes * 60,
  };
}
