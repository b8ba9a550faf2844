/** One job with its bodies: fetched, and fetched again when its events say that more is to be had. */

import { computed, onScopeDispose, ref, shallowRef, watch } from "vue";
import type { Schemas } from "../net/client";
import { Problem } from "../net/problem";
import { type Job, type Shown } from "./gateways";
import { broken, settled } from "./output";

type Detail = Schemas["JobDetail"];
const AGAIN_MS = 250;

/** Follow a job. */
export function detailOf(state: () => Shown | undefined, id: () => string) {
  const detail = shallowRef<Detail>();
  const failed = shallowRef<unknown>();
  const gone = ref(false);
  let turn = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function load(): Promise<void> {
    const shown = state();
    const wanted = id();
    if (!shown || !wanted) return;
    const mine = ++turn;
    try {
      const got = (await shown.client.call<Schemas["JobDetailAnswer"]>(`/api/v1/jobs/${encodeURIComponent(wanted)}`)).job;
      if (mine !== turn) return;
      detail.value = got;
      failed.value = undefined;
      gone.value = false;
      if (got.output) shown.outputs.set(wanted, settled(shown.outputs.get(wanted), got.output));
    } catch (error) {
      if (mine !== turn) return;
      failed.value = error;
      gone.value = error instanceof Problem && error.status === 404;
    }
  }
  function soon(): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      void load();
    }, AGAIN_MS);
  }

  const live = computed<Job | undefined>(() => state()?.jobs.get(id()));
  const job = computed<Job | undefined>(() => live.value ?? detail.value);
  const output = computed(() => state()?.outputs.get(id()));
  watch(
    [state, id],
    () => {
      turn += 1;
      detail.value = undefined;
      failed.value = undefined;
      gone.value = false;
      void load();
    },
    { immediate: true },
  );
  watch(() => state()?.phase === "online" || state()?.phase === "draining", (up) => up && soon());
  watch(
    () => ({ shown: state(), sign: live.value ? `${live.value.state} ${live.value.attempt} ${live.value.started_at} ${live.value.cancel_requested}` : "" }),
    (now, before) => {
      if (now.shown !== before.shown || now.sign === before.sign) return;
      if (now.sign) soon();
      else gone.value = true;
    },
  );
  watch(() => broken(output.value), (is) => is && soon());
  onScopeDispose(() => {
    turn += 1;
    clearTimeout(timer);
  });

  return { detail, job, output, failed, gone, load };
}
