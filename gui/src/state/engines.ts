/** Names and room of the engines of the shown gateway. */

import { onScopeDispose, shallowReactive, shallowRef, type ShallowRef } from "vue";
import type { Schemas } from "../net/client";
import { Problem } from "../net/problem";
import type { Shown } from "./gateways";

const names = shallowReactive(new Map<string, string>());
const fetched = new WeakSet<object>();

/** The name of an engine's id, once it is known; until then the id. */
export function engineName(id: string): string {
  return names.get(id) ?? id;
}

/** Learn the names behind the ids that jobs carry. */
export async function learnNames(state: Shown): Promise<void> {
  if (fetched.has(state)) return;
  fetched.add(state);
  try {
    const drains = await state.client.call<Schemas["Drains"]>("/api/v1/drain");
    for (const engine of drains.engines) names.set(engine.id, engine.name);
  } catch (error) {
    fetched.delete(state);
    if (!(error instanceof Problem)) throw error;
  }
}

/** How the public engines are, asked again every ten seconds while the page is looked at. */
export function publicEngines(state: () => Shown | undefined): Readonly<ShallowRef<Map<string, Schemas["PublicEngine"]>>> {
  const found = shallowRef(new Map<string, Schemas["PublicEngine"]>());
  const ask = async (): Promise<void> => {
    const shown = state();
    if (!shown || document.visibilityState === "hidden") return;
    try {
      const status = await shown.client.call<Schemas["PublicStatus"]>("/api/v2/status", { open: true });
      found.value = new Map(status.engines.map((engine) => [engine.name, engine]));
    } catch {
      found.value = new Map(); // it is a convenience: without it engines are shown by name alone
    }
  };
  void ask();
  const timer = setInterval(() => void ask(), 10_000);
  onScopeDispose(() => clearInterval(timer));
  return found;
}
