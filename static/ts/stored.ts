// Short links that were stored from this browser. With each goes a secret that only this browser keeps (the
// server keeps what follows from it, another for each link): who has it can take the link back.
import { remember, remembered } from "./controls";
import type { Page } from "./page";

interface Stored {
  address: string; // /l/…
  name: string; // of the scenario
  when: number; // ms since 1970
}

const most = 50; // the oldest are no longer listed; stored once more, each is again

/** The secret of this browser; none, if it keeps nothing: then the link cannot be taken back. */
export function secret(): string | undefined {
  const old = remembered("secret");
  if (old) return old;
  const fresh = Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
  remember("secret", fresh);
  return remembered("secret") ?? undefined;
}

function all(): Stored[] {
  try {
    const found = JSON.parse(remembered("links") ?? "[]");
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}

/** Shows a link that has just been stored, and keeps it in the list; returns its whole address. */
export function stored(address: string): string {
  const href = new URL(address, location.href).href;
  if (remembered("secret")) {
    const name = document.title.replace(/ · gupscope$/, "");
    remember("links", JSON.stringify([{ address, name, when: Date.now() } satisfies Stored, ...all().filter((l) => l.address !== address)].slice(0, most)));
  }
  const a = document.createElement("a");
  a.href = a.textContent = href;
  document.getElementById("link-short")?.replaceChildren(a);
  list();
  return href;
}

/** Lists the links, the newest first. */
export function list() {
  const box = document.getElementById("link-mine") as HTMLDetailsElement | null;
  if (!box) return;
  const links = all();
  box.hidden = !links.length;
  box.querySelector("ul")!.replaceChildren(...links.map(line));
}

function line(l: Stored): HTMLLIElement {
  const a = document.createElement("a");
  a.href = l.address;
  a.textContent = l.address;
  const time = document.createElement("time");
  const when = new Date(l.when);
  time.dateTime = when.toISOString();
  time.textContent = when.toLocaleDateString(undefined, { dateStyle: "medium" });
  const back = document.createElement("button");
  back.dataset.act = "take-back";
  back.dataset.text = l.address;
  back.textContent = "Take back";
  back.setAttribute("aria-label", `Take ${l.address} back`);
  const li = document.createElement("li");
  li.append(a, ` ${l.name}, `, time, " ", back);
  return li;
}

/** Has the server remove what the link holds. */
export async function takeBack(page: Page, address: string) {
  let status: number;
  let why = "";
  try {
    const response = await fetch(address, { method: "DELETE", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ secret: secret() }) });
    status = response.status;
    if (!response.ok) why = (await response.json()).error;
  } catch {
    page.notice(`${navigator.onLine ? "The server does not answer" : "You are offline"}: ${address} was not taken back.`, "error");
    return;
  }
  const gone = status === 410 || status === 404; // from another page, or another server's data
  if (why && !gone) {
    page.notice(why, "error");
    return;
  }
  const short = document.getElementById("link-short");
  if (short?.querySelector("a")?.getAttribute("href")?.endsWith(address)) short.replaceChildren();
  remember("links", JSON.stringify(all().filter((l) => l.address !== address)));
  list();
  document.querySelector<HTMLElement>('#share-panel [data-act="share"]')?.focus();
  page.notice(why || `${address} is taken back: it leads nowhere any more, and what it held is removed.`);
}
