// A page without network: what the service worker (sw.ts) needs of it, and what it does when there was only the shell.
import type { Page } from "./page";

/** From now on it works without network, too. Not before the page has what it needs itself. */
export function keep() {
  if (window === top) navigator.serviceWorker?.register("/sw.js").catch(() => {}); // without, there is only no work offline
}

/** There is no network: the service worker had only the shell, and the address says what to open in it. */
export function withoutNetwork(page: Page) {
  if (location.pathname.startsWith("/room/")) page.notice("A room is kept by the server: it needs the network. Connect, and open it again.", "error");
  else if (location.pathname.startsWith("/l/")) page.notice("A short link is kept by the server: it needs the network. Connect, and open it again.", "error");
  else page.boot.open = { do: "open", link: location.pathname + location.search };
  document.documentElement.dataset.waiting = "";
}
