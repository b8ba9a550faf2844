// The offline shell: the page opens without a network, and says that it has none. Answers of gateways are never kept.
const SHELL = "flowork-shell-1";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(tidy().then(() => self.clients.claim())));

async function tidy() {
  for (const name of await caches.keys()) if (name !== SHELL) await caches.delete(name);
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  const ours = event.request.method === "GET" && url.origin === self.location.origin;
  if (!ours || /^\/(api|v1|internal|metrics|healthz|readyz|openapi\.json)(\/|$)/.test(url.pathname)) return;
  if (url.pathname.includes("/assets/")) event.respondWith(kept(event.request));
  else event.respondWith(fresh(event.request));
});

// Names with a hash never change: what is kept is right.
async function kept(request) {
  const cache = await caches.open(SHELL);
  return (await cache.match(request)) ?? put(cache, request, await fetch(request));
}

// Everything else is asked for first; what is kept is for the day without a network.
async function fresh(request) {
  const cache = await caches.open(SHELL);
  try {
    return await put(cache, request, await fetch(request));
  } catch (error) {
    const found = (await cache.match(request)) ?? (request.mode === "navigate" ? await cache.match("./") : undefined);
    if (found) return found;
    throw error;
  }
}

async function put(cache, request, response) {
  if (response.ok && response.type === "basic") await cache.put(request, response.clone());
  return response;
}
