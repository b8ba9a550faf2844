/** One submit of a form, and what is said of it while it is under way. */

import { ref, shallowRef } from "vue";
import type { Schemas } from "../net/client";
import { type Job, shown, submit } from "./gateways";
import { problemWords } from "../words/jobs";

/** For one form: sends, and knows whether the gateway has answered. */
export function sender() {
  const busy = ref(false);
  /** Kept here, since nobody answered; it is sent again by itself. */
  const kept = ref(false);
  const failure = ref("");
  const made = shallowRef<Job>();
  let turn = 0;

  async function send(draft: Schemas["JobDraft"]): Promise<void> {
    if (!shown.value || busy.value) return;
    const mine = ++turn;
    busy.value = true;
    kept.value = false;
    failure.value = "";
    made.value = undefined;
    try {
      const job = await submit(shown.value, draft, () => {
        if (mine !== turn) return;
        kept.value = true;
        busy.value = false;
      });
      if (mine === turn) made.value = job;
    } catch (error) {
      if (mine === turn) failure.value = problemWords(error);
    } finally {
      if (mine === turn) busy.value = kept.value = false;
    }
  }
  return { busy, kept, failure, made, send };
}
