// data-act: what the script does itself, without the session.
import { showOwn } from "./controls";
import type { Page } from "./page";
import { play, unhide } from "./play";
import { rowInSight } from "./sight";
import { secret, stored, takeBack } from "./stored";
import { copyAs, openFile, saveAs } from "./take";

export async function act(page: Page, name: string, on: HTMLElement) {
  switch (name) {
    case "copy": {
      if (on.dataset.to) {
        await copyAs(page, on.dataset.to);
        break;
      }
      const from = on.dataset.from ? document.getElementById(on.dataset.from)?.textContent : on.dataset.text;
      await copy(page, from ?? "", "Copied.");
      break;
    }
    case "save":
      await saveAs(page, on.dataset.to!);
      break;
    case "import":
      openFile(page);
      break;
    case "link":
      await copy(page, new URL(await page.whereabouts(), location.href).href, "The address of this run is copied.");
      break;
    case "embed": {
      const html = embed(await page.whereabouts());
      if (html) await copy(page, html, "HTML for your page is copied.");
      else page.notice("This text is too long for the address of an embed. Make a short link, and write <gup-scope link=\"ID\"></gup-scope> with what stands behind its last slash.", "error");
      break;
    }
    case "share": {
      const made = await post(page, "/api/share", secret());
      if (made) await copy(page, stored(made.address), `Stored as ${new URL(made.address, location.href).href}`);
      break;
    }
    case "take-back":
      await takeBack(page, on.dataset.text!);
      break;
    case "live": {
      const made = await post(page, "/api/room");
      if (made) location.assign(made.address);
      break;
    }
    case "play":
      play();
      break;
    case "unhide":
      unhide();
      break;
    case "zoom":
      zoom(Number(on.dataset.n));
      break;
    case "press":
      press(page, on.dataset.text!);
      break;
    case "reveal":
      reveal(on.dataset.text!);
      break;
    case "edit":
      edit(page);
      break;
    case "write":
      page.write(on.dataset.text!);
      break;
    case "fix":
      page.editor?.fix(Number(on.dataset.n));
      break;
    case "recover":
      page.edits.recover();
      break;
    case "drop":
      page.edits.forget();
      break;
    case "pen":
      if (page.pen) page.pen();
      else page.notice("The pen is for rooms: who holds it drives. Share live makes one.");
      break;
    case "what-if":
      if (page.whatIf) page.whatIf(on);
      else page.notice("A what-if is for rooms, where somebody else may drive. Here the run is yours: step elsewhere, and the run that you leave is kept as a branch.");
      break;
    case "access":
      page.access?.(on.dataset.text as "viewers" | "all" | "end");
  }
}

const zooms = ["50", "60", "70", "80", "90", "100", "115", "130", "150", "175", "200"];

/** The race larger or smaller, each reader's own; zoom.css has the same sizes. */
function zoom(by: number) {
  const at = zooms.indexOf(html.zoom ?? "100") + by;
  const to = by ? zooms[Math.min(Math.max(at, 0), zooms.length - 1)]! : "100";
  if (to === "100") delete html.zoom;
  else html.zoom = to;
  rowInSight();
}

/** Does a command of the table by pressing what does it. */
function press(page: Page, name: string) {
  const on = document.querySelector<HTMLElement>(`[data-command="${name}"]`);
  if (on && on.getAttribute("aria-disabled") !== "true") on.click();
  else page.notice("There is nothing for that here at the moment.");
}

/** Brings a part of the memory's side into sight, and says it by the focus. */
function reveal(id: string) {
  const it = document.getElementById(id);
  if (!it) return;
  html.tab = "memory";
  showOwn();
  for (let box = it.closest("details"); box; box = box.parentElement!.closest("details")) box.open = true;
  it.tabIndex = -1;
  it.scrollIntoView({ block: "center" });
  it.focus();
}

/** Into the editor, wherever it is folded away. */
function edit(page: Page) {
  html.tab = "source";
  html.drawer = "";
  showOwn();
  const text = document.getElementById("text");
  if (text) text.focus(); // the editor will take it over
  else page.editor?.focus();
}

const html = document.documentElement.dataset;

/** Sends the address of the present run, which holds the text if it is nobody's yet. This is the only upload there is. */
async function post(page: Page, to: string, secret?: string): Promise<{ address: string } | undefined> {
  const address = await page.whereabouts();
  try {
    const response = await fetch(to, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ address, secret }),
    });
    const answer = await response.json();
    if (response.ok) return answer;
    page.notice(answer.error, "error");
  } catch {
    const why = navigator.onLine ? "The server does not answer." : "You are offline: rooms and short links need the network.";
    page.notice(why + " Your run stays in the address of this page.", "error");
  }
  return undefined;
}

const longest = 6144; // of what the server takes in the address of an embed

/** The element that shows a run in somebody else's page, and its script; "" if the run has no room in an address. */
function embed(address: string): string {
  const at = new URL(address, location.href);
  const quote = (s: string) => `"${s.replace(/&/g, "&amp;").replace(/"/g, "&quot;")}"`;
  const script = `<script src=${quote(location.origin + "/static/embed.js")} async></script>`;
  const name = /^\/s\/([^/]+)$/.exec(at.pathname)?.[1];
  const x = at.hash.slice(1);
  if (!name) return x.length > longest ? "" : `${script}\n<gup-scope x=${quote(x)}></gup-scope>`;
  const attributes = [["scenario", decodeURIComponent(name)], ["kernel", at.searchParams.get("k")], ["run", at.searchParams.get("r")], ["at", at.searchParams.get("c")]];
  return `${script}\n<gup-scope ${attributes.filter(([, v]) => v).map(([k, v]) => `${k}=${quote(v!)}`).join(" ")}></gup-scope>`;
}

export async function copy(page: Page, text: string, said: string) {
  try {
    await navigator.clipboard.writeText(text);
    page.notice(said);
  } catch {
    page.notice(text);
  }
}
