/** The gateways of this browser, and the one that is shown: what it says, live. */

import { markRaw, reactive, shallowReactive, shallowRef } from "vue";
import * as database from "../keys/database";
import type { KeptGateway } from "../keys/database";
import { kept, type Wallet, WalletRefused, wallets, connect, type Announced } from "../keys/wallet";
import { Client, type RefreshKeeper, type Schemas, type Tokens } from "../net/client";
import { Live, type Event } from "../net/live";
import { Problem } from "../net/problem";
import { decoded, encoded, random, text, utf8 } from "../protocol/bytes";
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
}

export interface Output {
  delivery: number;
  text: string;
}

export interface LogLine {
  level: string;
  message: string;
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
  const client = markRaw(new Client(row.origin, decoded(row.key), session, keeper(row.id), () => walletOf(row)));
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
  }) as Shown;
  shown.value = state;
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
    const page = await state.client.call<Schemas["JobPage"]>(`/api/v1/jobs?limit=${PAGE}`);
    for (const job of page.jobs) state.jobs.set(job.id, job);
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
    case "job.output": {
      const delivery = Number(data.delivery);
      const before = state.outputs.get(id);
      const soFar = before && before.delivery === delivery ? before.text : "";
      const bytes = utf8(soFar);
      const piece = String(data.text ?? "");
      const offset = Number(data.offset);
      if (offset > bytes.length) break; // a gap: the detail fetches the whole
      state.outputs.set(id, { delivery, text: offset === bytes.length ? soFar + piece : text(bytes.slice(0, offset)) + piece });
      break;
    }
    case "job.log": {
      const lines = (data.lines as LogLine[] | undefined) ?? [];
      state.logs.set(id, [...(state.logs.get(id) ?? []), ...lines].slice(-1000));
      break;
    }
    case "drain.changed":
      if (data.engine === null && data.instance === null) state.phase = data.state === "run" ? "online" : "draining";
      break;
  }
}

// -- submitting: the key is made before sending and kept until answered ---------------------------------------------

/** Submit a job. Whatever happens to the line, it becomes one job: an unanswered submit is sent again with its key. */
export async function submit(state: Shown, draft: Schemas["JobDraft"]): Promise<Job> {
  const key = encoded(random(16));
  const row = { key, gateway: state.row.id, body: JSON.stringify(draft), at: new Date().toISOString() };
  await database.keep("submits", row);
  return send(state, key, draft);
}

async function send(state: Shown, key: string, draft: unknown): Promise<Job> {
  try {
    const answer = await state.client.call<Schemas["JobAnswer"]>("/api/v1/jobs", { method: "POST", body: draft, headers: { "Idempotency-Key": key } });
    await database.forget("submits", key);
    state.jobs.set(answer.job.id, state.jobs.get(answer.job.id) ?? answer.job);
    return answer.job;
  } catch (error) {
    if (error instanceof Problem && !error.unreachable && error.status < 500) await database.forget("submits", key);
    throw error;
  }
}

/** Submits of an earlier time, or of a line that broke, that nobody answered. */
async function resubmit(state: Shown): Promise<void> {
  const waiting = (await database.all("submits")).filter((row) => row.gateway === state.row.id);
  for (const row of waiting) {
    try {
      await send(state, row.key, JSON.parse(row.body));
    } catch (error) {
      if (error instanceof Problem && (error.unreachable || error.status >= 500)) return;
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
  await state.client.signIn();
  await open(state.row.id);
}

/** End the session; the pairing stays. */
export async function signOut(state: Shown): Promise<void> {
  live?.close();
  await state.client.signOut();
  state.phase = "signed_out";
}

/** Forget a gateway: this browser must be paired anew. */
export async function forgetGateway(id: string): Promise<void> {
  if (shown.value?.row.id === id) leave();
  await database.forget("gateways", id);
  await load();
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
