/** The gateways of this browser, and the one that is shown: what it says, live. */

import { markRaw, reactive, shallowReactive, shallowRef } from "vue";
import * as database from "../keys/database";
import type { KeptGateway } from "../keys/database";
import { kept, type Wallet, WalletRefused, wallets, connect, type Announced } from "../keys/wallet";
import { Client, type RefreshKeeper, type Schemas, type Tokens } from "../net/client";
import { Live, type Event } from "../net/live";
import { Problem } from "../net/problem";
import { decoded, encoded, random, text, utf8 } from "../protocol/bytes";
import { linesOf, logged, type LogLine, merged, type Output } from "./output";
import { SessionKey } from "../protocol/proof";
import type { Link } from "../protocol/link";

export type Job = Schemas["Job"];
export type Phase = "connecting" | "online" | "offline" | "draining" | "signed_out" | "revoked" | "impostor";

const CLOCK_OFF_S = 30;
const PAGE = 200;

/** One gateway as it is shown. */
export interface Shown {
  row: KeptGateway;
  client: Client;
  phase: Phase;
  problem: Problem | undefined;
  /** When the gateway said to come back (epoch ms). */
  retryAt: number | undefined;
  /** Seconds by which this machine's clock is wrong; 0 while it is near enough. */
  clockOffS: number;
  jobs: Map<string, Job>;
  /** Pages that have not been fetched yet: the cursor of the next one. */
  older: string | null;
  loaded: boolean;
  outputs: Map<string, Output>;
  logs: Map<string, LogLine[]>;
  kinds: Schemas["KindList"] | undefined;
  /** Submits that nobody answered yet, by key: they are sent again by themselves. */
  waiting: Map<string, database.KeptSubmit>;
}

/** All gateways that this browser is paired with. */
export const known = shallowRef<KeptGateway[]>([]);
/** The one that is shown. */
export const shown = shallowRef<Shown | undefined>();

let live: Live | undefined;

/** Read what this browser keeps. */
export async function load(): Promise<void> {
  known.value = (await database.all("gateways")).sort((one, other) => one.name.localeCompare(other.name));
}

/** Show a gateway: connect, and follow it. */
export async function open(id: string): Promise<void> {
  leave();
  const row = await database.one("gateways", id);
  if (!row) return;
  const session = await SessionKey.open(row.session);
  const client = markRaw(new Client(row.origin, decoded(row.key), session, keeper(row.id), () => walletOf(row), () => quiet(row.id)));
  const state: Shown = reactive({
    row,
    client,
    phase: "connecting" as Phase,
    problem: undefined,
    retryAt: undefined,
    clockOffS: 0,
    jobs: shallowReactive(new Map<string, Job>()),
    older: null,
    loaded: false,
    outputs: shallowReactive(new Map<string, Output>()),
    logs: shallowReactive(new Map<string, LogLine[]>()),
    kinds: undefined,
    waiting: shallowReactive(new Map<string, database.KeptSubmit>()),
  }) as Shown;
  shown.value = state;
  void waitingOf(state);
  live = new Live(client, {
    event: (event) => apply(state, event),
    caughtUp: (cursor) => {
      state.phase = "online";
      state.problem = state.retryAt = undefined;
      state.clockOffS = Math.abs(session.ahead) > CLOCK_OFF_S ? Math.round(session.ahead) : 0;
      void remember(state.row, { cursor });
      void refresh(state);
    },
    down: (problem, final) => {
      state.problem = problem;
      state.phase = phaseOf(problem, final);
      state.retryAt = problem.retryAfterS === null ? undefined : Date.now() + problem.retryAfterS * 1000;
    },
  }, row.cursor);
  live.start();
}

/** Show none. */
export function leave(): void {
  live?.close();
  live = undefined;
  shown.value = undefined;
}

function phaseOf(problem: Problem, final: boolean): Phase {
  if (problem.code === "gateway.impostor") return "impostor";
  if (problem.code === "server.draining") return "draining";
  if (!final) return "offline";
  return problem.code === "auth.sign_in_needed" || problem.code === "auth.refresh_invalid" ? "signed_out" : "revoked";
}

/** The newest jobs, and what may be submitted; live events keep them true. */
async function refresh(state: Shown): Promise<void> {
  try {
    const before = new Map(state.jobs);
    const page = await state.client.call<Schemas["JobPage"]>(`/api/v1/jobs?limit=${PAGE}`);
    // What an event told while the page was under way is newer than the page.
    for (const job of page.jobs) if (state.jobs.get(job.id) === before.get(job.id)) state.jobs.set(job.id, job);
    if (!state.loaded) state.older = page.next ?? null;
    state.loaded = true;
    state.kinds = await state.client.call<Schemas["KindList"]>("/api/v1/kinds");
    await resubmit(state);
  } catch (error) {
    if (error instanceof Problem) state.problem = error;
  }
}

/** The next older page of jobs. */
export async function more(state: Shown): Promise<void> {
  if (state.older === null) return;
  const cursor = state.older;
  const page = await state.client.call<Schemas["JobPage"]>(`/api/v1/jobs?limit=${PAGE}&cursor=${encodeURIComponent(cursor)}`);
  for (const job of page.jobs) if (!state.jobs.has(job.id)) state.jobs.set(job.id, job);
  state.older = page.next ?? null;
}

function apply(state: Shown, event: Event): void {
  const data = event.data as Record<string, unknown>;
  const id = String(data.id ?? "");
  switch (event.name) {
    case "job.updated":
      if (data.deleted === true) state.jobs.delete(id);
      else state.jobs.set(id, data as unknown as Job);
      break;
    case "job.output":
      state.outputs.set(id, merged(state.outputs.get(id), { delivery: Number(data.delivery), offset: Number(data.offset), text: String(data.text ?? "") }));
      break;
    case "job.log":
      state.logs.set(id, logged(state.logs.get(id), linesOf(data)));
      break;
    case "drain.changed":
      if (data.engine === null && data.instance === null) state.phase = data.state === "run" ? "online" : "draining";
      break;
  }
}

// -- submitting: the key is made before sending and kept until answered ---------------------------------------------

const RESEND_S = 5;
/** The gateway knows a key for 48 hours; after that the same submit would be a second job. */
const KEY_SERVES_MS = 47 * 3600 * 1000;
/** Answers that decide nothing about a submit that may have arrived before: who asks, and how often, is looked at first. */
const UNDECIDED = new Set([0, 401, 408, 425, 429]);
const awaited = new Map<string, { resolve(job: Job): void; reject(error: unknown): void }>();
let resending: ReturnType<typeof setTimeout> | undefined;

/**
 * Submit a job. Whatever happens to the line, it becomes one job: an unanswered submit is sent again with its key.
 * `onKept` is called when nobody answered; the promise then waits for the answer, however long that takes.
 */
export async function submit(state: Shown, draft: Schemas["JobDraft"], onKept?: (problem: Problem) => void): Promise<Job> {
  const key = encoded(random(16));
  const row = { key, gateway: state.row.id, body: JSON.stringify(draft), at: new Date().toISOString() };
  await database.keep("submits", row);
  const answer = new Promise<Job>((resolve, reject) => awaited.set(key, { resolve, reject }));
  answer.catch(() => undefined);
  try {
    await send(state, row);
  } catch (error) {
    if (!onKept || !isKept(error, false)) throw error;
    onKept(error instanceof Problem ? error : new Problem("network.unreachable", "The gateway's answer did not arrive whole", ""));
  }
  return answer;
}

/** Give up a submit that nobody answered. It may have become a job all the same. */
export async function giveUp(state: Shown, key: string): Promise<void> {
  await database.forget("submits", key);
  state.waiting.delete(key);
  awaited.get(key)?.reject(new Problem("submit.given_up", "It was not sent", "You chose not to send it."));
  awaited.delete(key);
}

/** Whether a submit that met this is sent again by itself: it may have arrived, now or before, or the gateway takes it later. */
function isKept(error: unknown, before: boolean): boolean {
  if (!(error instanceof Problem)) return before || !(error instanceof WalletRefused);
  return error.unreachable || error.status >= 500 || (before && UNDECIDED.has(error.status));
}

/** Whether a submit is too old to be sent by itself. */
export function isTooOld(row: database.KeptSubmit, now = Date.now()): boolean {
  return now - Date.parse(row.at) > KEY_SERVES_MS;
}

async function send(state: Shown, row: database.KeptSubmit, before = false): Promise<Job> {
  try {
    const asked = { method: "POST" as const, body: JSON.parse(row.body) as unknown, headers: { "Idempotency-Key": row.key } };
    const answer = await state.client.call<Schemas["JobAnswer"]>("/api/v1/jobs", asked);
    await database.forget("submits", row.key);
    state.waiting.delete(row.key);
    state.jobs.set(answer.job.id, state.jobs.get(answer.job.id) ?? answer.job);
    awaited.get(row.key)?.resolve(answer.job);
    awaited.delete(row.key);
    return answer.job;
  } catch (error) {
    if (isKept(error, before)) {
      state.waiting.set(row.key, row);
      resendIn(state, (error instanceof Problem ? error.retryAfterS : null) ?? RESEND_S);
    } else {
      await database.forget("submits", row.key);
      state.waiting.delete(row.key);
      awaited.get(row.key)?.reject(error);
      awaited.delete(row.key);
    }
    throw error;
  }
}

function resendIn(state: Shown, seconds: number): void {
  clearTimeout(resending);
  resending = setTimeout(() => {
    if (shown.value === state && state.phase !== "signed_out" && state.phase !== "revoked" && state.phase !== "impostor") void resubmit(state);
  }, seconds * 1000);
}

/** Submits that nobody answered, of an earlier time too. */
async function waitingOf(state: Shown): Promise<database.KeptSubmit[]> {
  const waiting = (await database.all("submits")).filter((row) => row.gateway === state.row.id);
  for (const row of waiting) state.waiting.set(row.key, row);
  return waiting;
}

/** Send them again, each with its key. */
export async function resubmit(state: Shown): Promise<void> {
  for (const row of await waitingOf(state)) {
    if (isTooOld(row)) continue;
    try {
      await send(state, row, true);
    } catch (error) {
      if (isKept(error, true)) return;
    }
  }
}

// -- pairing and wallets --------------------------------------------------------------------------------------------

/** A pairing under way. */
export interface Pairing {
  digits: string;
  /** Resolves when the owner has typed the digits: the gateway's id. */
  done: Promise<string>;
}

/** Pair with the gateway of a link: claims it, and gives the six digits to show. */
export async function pair(link: Link, wallet: Wallet, deviceName: string, name: string, signal?: AbortSignal): Promise<Pairing> {
  const session = await SessionKey.open();
  let refreshed: string | undefined;
  const memory: RefreshKeeper = {
    read: async () => refreshed,
    write: async (token) => void (refreshed = token),
    alone: (act) => act(),
  };
  const client = new Client(link.gateway, link.gatewayKey, session, memory, async () => wallet);
  const digits = await client.claim(link, deviceName);
  const done = client.collect(link.offer, signal).then(async (tokens: Tokens) => {
    const row: KeptGateway = {
      id: tokens.gateway_id,
      origin: link.gateway,
      key: encoded(link.gatewayKey),
      name,
      user: tokens.user,
      device: tokens.device,
      address: wallet.address,
      session: session.pair,
      refresh: await database.seal(utf8(tokens.refresh_token)),
      addedAt: new Date().toISOString(),
    };
    await database.keep("gateways", row);
    await database.persist();
    await load();
    return row.id;
  });
  return { digits, done };
}

/** Sign in to the shown gateway again. */
export async function signIn(state: Shown): Promise<void> {
  try {
    await state.client.signIn();
  } catch (error) {
    // An ended session says no more than that it ended; the sign-in says that the device is gone.
    if (error instanceof Problem && error.code === "auth.device_unknown") state.phase = phaseOf(error, true);
    throw error;
  }
  await remember(state.row, { signedOut: false });
  await open(state.row.id);
}

/** End the session; the pairing stays. */
export async function signOut(state: Shown): Promise<void> {
  live?.close();
  await remember(state.row, { signedOut: true });
  await state.client.signOut();
  state.phase = "signed_out";
}

/** Forget a gateway: this browser must be paired anew. */
export async function forgetGateway(id: string): Promise<void> {
  if (shown.value?.row.id === id) leave();
  await database.forget("gateways", id);
  await load();
}

/** Whether signing in again needs nobody. */
async function quiet(id: string): Promise<boolean> {
  const row = await database.one("gateways", id);
  return row !== undefined && row.signedOut !== true && (await database.one("wallets", row.address)) !== undefined;
}

async function walletOf(row: KeptGateway): Promise<Wallet> {
  if (await database.one("wallets", row.address)) return kept(row.address);
  const announced = await firstWallet();
  if (!announced) throw new WalletRefused("The wallet that this browser was paired with is not here.");
  return connect(announced, row.address);
}

function firstWallet(): Promise<Announced | undefined> {
  return new Promise((resolve) => {
    const stop = wallets((wallet) => {
      resolve(wallet);
      queueMicrotask(() => stop());
    });
    setTimeout(() => resolve(undefined), 500);
  });
}

function keeper(id: string): RefreshKeeper {
  return {
    read: async () => {
      const row = await database.one("gateways", id);
      return row?.refresh ? text(await database.unseal(row.refresh)) : undefined;
    },
    write: async (token) => {
      const row = await database.one("gateways", id);
      if (row) await database.keep("gateways", { ...row, refresh: token === undefined ? undefined : await database.seal(utf8(token)) });
    },
    alone: async <T>(act: () => Promise<T>): Promise<T> => await navigator.locks.request(`flowork.refresh.${id}`, () => act()),
  };
}

async function remember(row: KeptGateway, change: Partial<KeptGateway>): Promise<void> {
  const now = await database.one("gateways", row.id);
  if (now) await database.keep("gateways", { ...now, ...change });
}
