/** A conversation, one job for each turn; kept in this tab, so that a reload or another page loses nothing. */

import { reactive } from "vue";
import { say } from "../words";
import type { Schemas } from "../net/client";
import type { Shown } from "./gateways";
import { settled } from "./output";

export interface Turn {
  /** What the person said. */
  said: string;
  /** Its job, once the gateway has answered the submit. */
  job?: string | undefined;
  /** The whole answer, once there is one. */
  answer?: string | undefined;
  /** Why there is none. */
  failure?: string | undefined;
  /** The submit is kept here until the gateway answers. */
  kept?: boolean | undefined;
  /** It was stopped; `answer` is what had come. */
  stopped?: boolean | undefined;
}

export interface Talk {
  engine: string;
  model: string;
  system: string;
  turns: Turn[];
}

const talks = new Map<string, Talk>();
const keyOf = (gateway: string): string => `flowork.talk.${gateway}`;

/** The conversation with a gateway. */
export function talkWith(gateway: string): Talk {
  let talk = talks.get(gateway);
  if (!talk) {
    talk = reactive<Talk>({ engine: "", model: "", system: "", turns: [] });
    try {
      const kept: unknown = JSON.parse(sessionStorage.getItem(keyOf(gateway)) ?? "null");
      if (typeof kept === "object" && kept !== null && Array.isArray((kept as Talk).turns)) Object.assign(talk, kept);
      for (const turn of talk.turns) {
        if (isOpen(turn) && !turn.job) Object.assign(turn, { kept: false, failure: say("The page was reloaded before the gateway had answered. Look among the jobs.") });
      }
    } catch {
      sessionStorage.removeItem(keyOf(gateway));
    }
    talks.set(gateway, talk);
  }
  return talk;
}

/** Keep it for a reload of this tab. */
export function keepTalk(gateway: string): void {
  const talk = talks.get(gateway);
  try {
    if (talk) sessionStorage.setItem(keyOf(gateway), JSON.stringify(talk));
  } catch {
    // Too long to be kept: it stays while the page does.
  }
}

/** The payload that asks for an answer to the last turn; turns without an answer are left out. */
export function payloadOf(talk: Talk): Record<string, unknown> {
  const messages: { role: string; content: string }[] = [];
  if (talk.system.trim()) messages.push({ role: "system", content: talk.system });
  talk.turns.forEach((turn, index) => {
    const last = index === talk.turns.length - 1;
    if (!last && !turn.answer) return;
    messages.push({ role: "user", content: turn.said });
    if (!last && turn.answer) messages.push({ role: "assistant", content: turn.answer });
  });
  return { model: talk.model, messages };
}

/** Whether something may still come. */
export function isOpen(turn: Turn): boolean {
  return turn.answer === undefined && turn.failure === undefined;
}

/** The answer of a chat's result: its text, or what the model wants called. */
export function answerOf(result: unknown): string {
  const message = (result as { message?: { content?: unknown; tool_calls?: unknown } } | null)?.message;
  const content = message?.content;
  if (typeof content === "string" && content) return content;
  if (Array.isArray(content)) return content.map((part: { text?: unknown }) => (typeof part.text === "string" ? part.text : "")).join("");
  return message?.tool_calls ? JSON.stringify(message.tool_calls, null, 2) : "";
}

/** Look at a turn's job; settles the turn when the job has ended. */
export async function look(state: Shown, turn: Turn, failureOf: (job: Schemas["JobDetail"]) => string): Promise<void> {
  if (!turn.job || !isOpen(turn)) return;
  const detail = (await state.client.call<Schemas["JobDetailAnswer"]>(`/api/v1/jobs/${encodeURIComponent(turn.job)}`)).job;
  if (detail.output) state.outputs.set(turn.job, settled(state.outputs.get(turn.job), detail.output));
  const soFar = state.outputs.get(turn.job)?.text ?? "";
  if (detail.state === "succeeded") turn.answer = answerOf(detail.result) || soFar;
  else if (detail.state === "cancelled") {
    turn.stopped = true;
    turn.answer = soFar;
  } else if (detail.state === "dead" || detail.state === "expired") turn.failure = failureOf(detail);
}
