/** What is said of jobs: states, outcomes, why they failed, what the gateway refused. */

import { Problem } from "../net/problem";
import type { Schemas } from "../net/client";
import { say } from "./index";

type State = Schemas["JobState"];

export const STATES: readonly State[] = ["scheduled", "queued", "running", "succeeded", "dead", "cancelled", "expired"];

/** A state in a word. */
export function stateWord(state: State): string {
  const words: Record<State, string> = {
    scheduled: say("Scheduled"),
    queued: say("Waiting"),
    running: say("Running"),
    succeeded: say("Succeeded"),
    dead: say("Failed"),
    cancelled: say("Cancelled"),
    expired: say("Expired"),
  };
  return words[state];
}

/** Whether nothing will happen to it any more by itself. */
export function isFinal(state: State): boolean {
  return state === "succeeded" || state === "dead" || state === "cancelled" || state === "expired";
}

/** How an attempt ended, in a word; one that has not is running. */
export function outcomeWord(outcome: Schemas["AttemptOutcome"] | null | undefined): string {
  const words: Record<Schemas["AttemptOutcome"], string> = {
    succeeded: say("Succeeded"),
    failed: say("Failed"),
    refused: say("Refused"),
    cancelled: say("Cancelled"),
    given_back: say("Given back; it counts as no attempt"),
    lost: say("The engine vanished"),
  };
  return outcome ? words[outcome] : say("Running");
}

/** What the code of a failure means, for the codes that the gateway and its engine give; nothing for those of others. */
export function codeWords(code: string): string {
  const words: Record<string, () => string> = {
    "engine.user_not_allowed": () => say("The engine may not work for you. Ask its owner."),
    "http.address_refused": () => say("The host leads to an address where jobs are not let."),
    "http.body_refused": () => say("The answer is larger than is taken."),
    "http.host_not_allowed": () => say("The host is not on the owner's list."),
    "http.status": () => say("The server answered that it failed."),
    "http.unreachable": () => say("No connection to the server, or it broke."),
    "job.cancelled": () => say("It was cancelled."),
    "job.failed": () => say("It failed, and its engine gave no reason of its own."),
    "job.exception": () => say("The engine's program for it has an error. The log may say more."),
    "job.kind_unserved": () => say("The engine does not serve this kind."),
    "job.lease_lost": () => say("Engines vanished each time they ran it."),
    "job.payload_invalid": () => say("The payload does not fit its kind. Correct it and submit it again."),
    "job.process_died": () => say("The process that ran it died."),
    "job.result_invalid": () => say("Its result is no JSON, or too large."),
    "job.timeout": () => say("It ran longer than its time limit. Give it more, or less to do."),
    "provider.budget": () => say("The provider wants money. Its owner must see to it."),
    "provider.circuit_open": () => say("The model failed several times in a row and is left alone for a while. Try later."),
    "provider.failed": () => say("The provider failed. Try again."),
    "provider.input_invalid": () => say("The provider does not take it: too long, or beyond it."),
    "provider.key_invalid": () => say("The provider's key is missing or not taken. Its owner must see to it."),
    "provider.malformed": () => say("The provider's answer makes no sense. Try again."),
    "provider.model_unknown": () => say("There is no such model, or the owner has not allowed it."),
    "provider.overloaded": () => say("The provider has too much to do. Try later."),
    "provider.rate_limited": () => say("The provider takes no more for now. Try later."),
    "provider.refused": () => say("The provider will not answer this."),
    "provider.timeout": () => say("The provider took too long."),
    "provider.unreachable": () => say("No connection to the provider, or it broke."),
    "tool.arguments_invalid": () => say("The arguments do not fit the tool."),
    "tool.failed": () => say("The tool failed."),
    "tool.not_allowed": () => say("The owner has not allowed you this engine's tools."),
    "tool.timeout": () => say("The tool took too long."),
    "tool.too_many": () => say("The chat called tools too often."),
    "tool.unavailable": () => say("The tool's server does not run."),
    "tool.unknown": () => say("The engine has no such tool."),
  };
  return Object.hasOwn(words, code) ? words[code]!() : "";
}

/** What went wrong with a request, in one sentence or two. */
export function problemWords(error: unknown): string {
  if (!(error instanceof Problem)) return error instanceof Error ? error.message : String(error);
  if (error.unreachable) return say("The gateway does not answer. Nothing is lost; try again when it is back.");
  return [`${say(error.title)}.`, error.detail].filter(Boolean).join(" ");
}
