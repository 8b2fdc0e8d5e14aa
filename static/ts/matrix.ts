// The table of verdicts fills while it is open: the server computes it row by row.
import { apply } from "./apply";
import type { Fragment } from "./event";

const pause = 1500;

/** Asks for the rows that were computed since, until all are. */
export function follow() {
  let filled = false; // here, while it was open
  const at = () => document.getElementById("matrix-progress");
  if (!at()) return;
  const ask = async () => {
    const { done, all } = at()!.dataset;
    if (Number(done) >= Number(all)) {
      if (filled) void fetch("/matrix").catch(() => {}); // the service worker keeps it as it is now, for who is without network
      return;
    }
    filled = true;
    if (!document.hidden) {
      try {
        const query = new URLSearchParams(location.search);
        query.set("since", done!);
        const response = await fetch(`/matrix/news?${query}`);
        const news: { fragments: Fragment[] } = await response.json();
        if (response.ok) apply(news.fragments, { answer() {}, address() {} });
      } catch {
        // the server is away: the next time
      }
    }
    setTimeout(ask, pause);
  };
  setTimeout(ask, pause / 3);
}
