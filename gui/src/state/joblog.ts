/** A job's log from before this page was opened: what the gateway still keeps of one's events, read through once. */

import type { Schemas } from "../net/client";
import type { Shown } from "./gateways";
import { linesOf, logged } from "./output";

/** Read all kept events and take out this job's lines; `stopped` ends it between two pages. */
export async function readLog(state: Shown, job: string, stopped: () => boolean): Promise<void> {
  let after: string | undefined;
  for (;;) {
    const page: Schemas["EventPage"] = await state.client.call(`/api/v1/events?wait_ms=0${after === undefined ? "" : `&after=${encodeURIComponent(after)}`}`);
    const lines = page.events.filter((event) => event.name === "job.log" && event.data.id === job).flatMap((event) => linesOf(event.data));
    if (lines.length) state.logs.set(job, logged(state.logs.get(job), lines));
    if (page.events.length === 0 || stopped()) return;
    after = page.next;
  }
}
