// A page without network: what the service worker (sw.ts) needs of it, and what it does when there was only the shell.
import type { Page } from "./page";

/**
 * From now on it works without network, too. Not before the page has what it needs itself. What could not be fetched
 * is tried again, because one visit has to be enough. Where it cannot be had, there is only no work offline.
 *
 *	page                          service worker
 *	is asked for
 *	                              is active; claims the pages that there are
 *	is there, and not claimed
 *
 * so a page that finds itself without asks to be claimed.
 */
export async function keep() {
  const workers = navigator.serviceWorker;
  if (window !== top || !workers) return;
  for (let wait = 2_000; wait < 200_000; wait *= 4) {
    const r = await workers.register("/sw.js").catch(() => undefined);
    const coming = r?.installing;
    if (coming) await new Promise((done) => coming.addEventListener("statechange", done, { once: true }));
    if (r?.waiting || r?.active) {
      const active = (await workers.ready).active;
      if (!workers.controller) active?.postMessage("claim");
      return;
    }
    await new Promise((done) => setTimeout(done, wait));
  }
}

/** There is no network: the service worker had only the shell, and the address says what to open in it. */
export function withoutNetwork(page: Page) {
  if (location.pathname.startsWith("/room/")) page.notice("A room is kept by the server: it needs the network. Connect, and open it again.", "error");
  else if (location.pathname.startsWith("/l/")) page.notice("A short link is kept by the server: it needs the network. Connect, and open it again.", "error");
  else page.boot.open = { do: "open", link: location.pathname + location.search };
  document.documentElement.dataset.waiting = "";
}
