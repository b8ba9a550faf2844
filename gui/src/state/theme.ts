/** Light, dark, or as the system is. */

import { ref } from "vue";

export type Theme = "auto" | "light" | "dark";
const KEPT = "flowork.theme";

export const theme = ref<Theme>("auto");

/** What was chosen before. */
export function begin(): void {
  const kept = localStorage.getItem(KEPT);
  wear(kept === "light" || kept === "dark" ? kept : "auto");
}

/** From now on. */
export function wear(chosen: Theme): void {
  theme.value = chosen;
  localStorage.setItem(KEPT, chosen);
  if (chosen === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}
