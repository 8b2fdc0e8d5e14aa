// data-act: what the script does itself, without the session.
import { showOwn } from "./controls";
import { drop, offer } from "./drafts";
import type { Page } from "./page";

export async function act(page: Page, name: string, on: HTMLElement) {
  switch (name) {
    case "copy": {
      const from = on.dataset.from ? document.getElementById(on.dataset.from)?.textContent : on.dataset.text;
      await copy(page, from ?? "", "Copied.");
      break;
    }
    case "link":
      await copy(page, new URL(page.address, location.href).href, "The address of this run is copied.");
      break;
    case "share": {
      const made = await post(page, "/api/share");
      if (!made) return;
      const href = new URL(made.address, location.href).href;
      const out = document.getElementById("link-short");
      if (out) {
        const a = document.createElement("a");
        a.href = a.textContent = href;
        out.replaceChildren(a);
      }
      await copy(page, href, `Stored as ${href}`);
      break;
    }
    case "live": {
      const made = await post(page, "/api/room");
      if (made) location.assign(made.address);
      break;
    }
    case "play":
      play();
      break;
    case "unhide":
      for (const name of Object.keys(html)) if (/^lane\d+$/.test(name)) delete html[name];
      showOwn();
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
      page.recover();
      break;
    case "drop":
      drop(page.name);
      offer();
      break;
    case "pen":
      page.pen?.();
  }
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
  page.editor?.focus();
}

const html = document.documentElement.dataset;
let playing = 0;

/** Goes forward in the run step by step, as fast as the reader has chosen, to its end; or stops that. */
function play() {
  if (playing) {
    clearTimeout(playing);
    playing = 0;
    delete html.playing;
    return;
  }
  html.playing = "";
  const next = () => {
    const forward = document.querySelector<HTMLElement>("#scrub .forward");
    if (!forward || forward.getAttribute("aria-disabled") === "true" || html.playing === undefined) {
      playing = 0;
      delete html.playing;
      return;
    }
    forward.click();
    playing = window.setTimeout(next, 1000 / Number(html.speed || 1));
  };
  next();
}

/** Sends the address of the present run, which holds the text if it is nobody's yet. This is the only upload there is. */
async function post(page: Page, to: string): Promise<{ address: string } | undefined> {
  page.editor?.flush();
  try {
    const response = await fetch(to, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ address: page.address }),
    });
    const answer = await response.json();
    if (response.ok) return answer;
    page.notice(answer.error, "error");
  } catch {
    page.notice("The server does not answer. Your run stays in the address of this page.", "error");
  }
  return undefined;
}

async function copy(page: Page, text: string, said: string) {
  try {
    await navigator.clipboard.writeText(text);
    page.notice(said);
  } catch {
    page.notice(text);
  }
}
