/** The pairing link that was in the address bar when the page was opened; in memory only. */

import { ref } from "vue";

export const brought = ref<string | undefined>();
