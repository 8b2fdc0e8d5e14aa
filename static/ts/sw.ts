// The service worker: after the first visit the playground works without network.
//
// A version is the hash of all that it keeps, and has a cache of its own: the shell of the playground, the pages to be
// read, and the files of the build, which belong together. What is asked for while there is network comes from
// there, so nobody sees an old page. A new version fetches all of it, and takes over when no page of the old one
// is open any more; until then these have the old cache, with the files that they name. So page and WASM are always
// of one version.
//
// The server puts the line that says what there is before this script: see web/offline.go.
declare const gupscope: { version: string; pages: string[]; files: string[] };

interface Lasting extends globalThis.Event {
  waitUntil(p: Promise<unknown>): void;
}
interface Fetching extends globalThis.Event {
  request: Request;
  respondWith(r: Promise<Response>): void;
}
/** The worker's own world, which the DOM's types do not have. */
const here = globalThis as unknown as {
  addEventListener(on: "install" | "activate" | "message", f: (e: Lasting) => void): void;
  addEventListener(on: "fetch", f: (e: Fetching) => void): void;
  clients: { claim(): Promise<void> };
};

const kept = "gupscope-" + gupscope.version;
const seen = "gupscope-seen-" + gupscope.version; // pages and pictures that the reader came by

here.addEventListener("install", (e) => {
  // Pages are asked for anew; files have their hash in their names.
  const pages = gupscope.pages.map((p) => new Request(p, { cache: "no-cache" }));
  e.waitUntil(caches.open(kept).then((c) => c.addAll([...pages, ...gupscope.files])));
});

here.addEventListener("activate", (e) => {
  e.waitUntil(
    caches
      .keys()
      .then((all) => Promise.all(all.filter((c) => c !== kept && c !== seen).map((c) => caches.delete(c))))
      .then(() => here.clients.claim()),
  );
});

/** A page was on its way when the others were claimed. */
here.addEventListener("message", (e) => e.waitUntil(here.clients.claim()));

here.addEventListener("fetch", (e) => {
  const url = new URL(e.request.url);
  if (e.request.method !== "GET" || url.origin !== location.origin) return;
  if (gupscope.files.includes(url.pathname) || (/^\/gallery\/.*\.svg$/.test(url.pathname) && url.searchParams.has("v"))) e.respondWith(lasting(e.request));
  else if ((e.request.mode === "navigate" || url.pathname === "/matrix") && !url.pathname.startsWith("/embed")) e.respondWith(page(e.request, url));
});

/** What never changes under its name. */
async function lasting(request: Request): Promise<Response> {
  const there = (await (await caches.open(kept)).match(request, { ignoreVary: true })) ?? (await (await caches.open(seen)).match(request, { ignoreVary: true }));
  if (there) return there;
  const response = await fetch(request);
  if (response.ok) await (await caches.open(seen)).put(request, response.clone());
  return response;
}

/** A page from the network; without, as it was, or the shell, which draws what its address says. */
async function page(request: Request, url: URL): Promise<Response> {
  try {
    const response = await fetch(request);
    if (response.ok && /^\/(gallery|matrix|docs)/.test(url.pathname)) await (await caches.open(seen)).put(request, response.clone());
    return response;
  } catch (e) {
    const [now, before] = [await caches.open(kept), await caches.open(seen)];
    const there = (await before.match(request, { ignoreVary: true })) ?? (await now.match(url.pathname === "/" && url.search ? "/shell" : request, { ignoreSearch: url.pathname === "/gallery", ignoreVary: true })) ?? (await before.match(request, { ignoreSearch: url.pathname === "/matrix", ignoreVary: true }));
    const shell = /^\/(s|l|room)\//.test(url.pathname) || url.pathname === "/";
    const answer = there ?? (await now.match(shell ? "/shell" : "/offline"));
    if (answer) return answer;
    throw e;
  }
}
