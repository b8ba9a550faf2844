/** Bahasa Indonesia, whole. */

import { HOUSE } from "./indonesian_house";
import { WORK } from "./indonesian_work";

export const CATALOGUE: Record<string, string> = { ...WORK, ...HOUSE };
