/** Jobs, newest first, that fit a filter: what is known of them live, and older ones page by page. */

import { computed, onScopeDispose, ref, type Ref, shallowRef, watch } from "vue";
import type { Schemas } from "../net/client";
import type { Job, Shown } from "./gateways";
import { throttled } from "./throttled";

export interface Filter {
  state: string;
  kind: string;
  /** An engine's id. */
  engine: string;
  text: string;
}

const PAGE = 200;
const SHOWN_EVERY_MS = 150;

/** The part of a job's id that grows with time (a UUIDv7). */
export function order(id: string): string {
  return id.slice(id.lastIndexOf("_") + 1);
}

/** Newest first. */
export function newestFirst(one: { id: string }, other: { id: string }): number {
  const [a, b] = [order(one.id), order(other.id)];
  return a < b ? 1 : a > b ? -1 : 0;
}

/** Whether a job fits. Text is looked for in all that a list knows of it. */
export function fits(job: Job, filter: Filter, engineName: (id: string) => string): boolean {
  if (filter.state && !filter.state.split(",").includes(job.state)) return false;
  if (filter.kind && job.kind !== filter.kind) return false;
  if (filter.engine && job.engine !== filter.engine) return false;
  const text = filter.text.trim().toLowerCase();
  if (!text) return true;
  return [job.id, job.kind, job.trace_id, engineName(job.engine), job.error?.code, job.error?.message].some((one) => one?.toLowerCase().includes(text));
}

/** The query by which the gateway filters; text it does not know. */
export function queryOf(filter: Filter, cursor: string | null): string {
  const query = new URLSearchParams({ limit: String(PAGE) });
  for (const state of filter.state.split(",").filter(Boolean)) query.append("state", state);
  if (filter.kind) query.set("kind", filter.kind);
  if (filter.engine) query.set("engine", filter.engine);
  if (cursor !== null) query.set("cursor", cursor);
  return query.toString();
}

/** A live listing. */
export function listing(state: () => Shown | undefined, filter: Ref<Filter>, engineName: (id: string) => string) {
  const next = shallowRef<string | null>(null);
  /** Older jobs than this one are not shown before their page has come, so that there are no holes. */
  const horizon = shallowRef<string>();
  const busy = ref(false);
  const failed = shallowRef<unknown>();
  const asked = ref(false);
  let turn = 0;

  async function page(cursor: string | null): Promise<void> {
    const shown = state();
    if (!shown) return;
    const mine = ++turn;
    busy.value = true;
    failed.value = undefined;
    try {
      const got = await shown.client.call<Schemas["JobPage"]>(`/api/v1/jobs?${queryOf(filter.value, cursor)}`);
      if (mine !== turn || state() !== shown) return;
      for (const job of got.jobs) if (!shown.jobs.has(job.id)) shown.jobs.set(job.id, job);
      next.value = got.next ?? null;
      horizon.value = next.value === null ? "" : order(got.jobs.at(-1)?.id ?? "");
      asked.value = true;
    } catch (error) {
      if (mine === turn) failed.value = error;
    } finally {
      if (mine === turn) busy.value = false;
    }
  }

  const server = computed(() => `${state()?.row.id}|${state()?.phase === "online" || state()?.phase === "draining"}|${filter.value.state}|${filter.value.kind}|${filter.value.engine}`);
  let timer: ReturnType<typeof setTimeout> | undefined;
  watch(
    server,
    () => {
      clearTimeout(timer);
      turn += 1;
      next.value = null;
      horizon.value = undefined;
      timer = setTimeout(() => void page(null), 120);
    },
    { immediate: true },
  );
  onScopeDispose(() => {
    clearTimeout(timer);
    turn += 1;
  });

  const jobs = throttled(() => {
    const shown = state();
    if (!shown) return [];
    const edge = horizon.value ?? "";
    return [...shown.jobs.values()].filter((job) => order(job.id) >= edge && fits(job, filter.value, engineName)).sort(newestFirst);
  }, SHOWN_EVERY_MS);

  return {
    jobs,
    busy,
    failed,
    asked,
    more: computed(() => next.value !== null),
    older: async (): Promise<void> => {
      if (next.value !== null && !busy.value) await page(next.value);
    },
  };
}
