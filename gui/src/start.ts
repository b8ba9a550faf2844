/** Everything after the first line: words, gateways, the page. */

import { createApp } from "vue";
import App from "./App.vue";
import { brought } from "./state/pairing";
import { load, known, open } from "./state/gateways";
import { begin as beginRoute } from "./route";
import { begin as beginTheme } from "./state/theme";
import { begin as beginWords } from "./words";
import { ownScript } from "./trusted";
import "./style.css";

/** Show the page; `link` is the fragment of a pairing link that was in the address bar. */
export async function start(link: string | undefined): Promise<void> {
  brought.value = link;
  beginTheme();
  await beginWords();
  beginRoute();
  await load();
  const last = localStorage.getItem("flowork.gateway");
  const first = known.value.find((row) => row.id === last) ?? known.value[0];
  if (first) void open(first.id);
  createApp(App).mount("#app");
  if ("serviceWorker" in navigator && window.isSecureContext) {
    await navigator.serviceWorker.register(ownScript(new URL("./sw.js", location.href)) as string).catch(() => undefined); // the page works without it
  }
}
