// The script of a run that was saved as one file (web/page/file.templ): the frames are all there, drawn ahead.
import { apply, write } from "./apply";
import { listen, showOwn } from "./controls";
import { play, unhide } from "./play";
import type { Event } from "./event";
import { look } from "./sight";

/** Of every element, the steps at which it shows something else, and what (web/page/frames.go). */
let frames: { steps: number; parts: Record<string, [at: number, html: string][]> };
let at = Number(document.body.dataset.at);

async function unpack() {
  const packed = Uint8Array.from(atob(document.getElementById("frames")!.textContent!), (c) => c.charCodeAt(0));
  frames = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"))).json();
}

/** What an element shows at a step: what was last said of it up to there. */
function shown(id: string, step: number): string {
  const all = frames.parts[id]!;
  let from = 0;
  let to = all.length;
  while (from < to) {
    const mid = (from + to) >> 1;
    if (all[mid]![0] <= step) from = mid + 1;
    else to = mid;
  }
  return all[from - 1]?.[1] ?? "";
}

function go(to: number) {
  const from = at;
  at = Math.max(0, Math.min(to, frames.steps));
  for (const id of Object.keys(frames.parts)) {
    const html = shown(id, at);
    if (html === shown(id, from) && from !== at) continue;
    if (id === "say") write("say", html);
    else apply([{ op: "morph", id, html }], { answer() {}, address() {} });
  }
  document.querySelector(".row[aria-current]")?.removeAttribute("aria-current");
  document.getElementById(`row-${at}`)?.setAttribute("aria-current", "step");
  showOwn();
  look("goto");
}

function begin() {
  listen({
    event(e: Event) {
      write("notice", "");
      if (e.do === "goto") go(e.at ?? 0);
      else if (e.do === "step" && document.querySelector(`.move.follows[data-choice="${CSS.escape(e.choice ?? "")}"]`)) go(at + 1);
      else write("notice", "This file holds one run, to be stepped through. For another one, open it in the playground.");
    },
    moves: () => false, // a step is there at once
    tell: (text) => write("notice", text),
    act(name, on) {
      if (name === "play") play();
      if (name === "unhide") unhide();
      if (name === "copy") {
        const text = on.dataset.from ? document.getElementById(on.dataset.from)?.textContent : on.dataset.text;
        navigator.clipboard?.writeText(text ?? "").then(() => write("notice", "Copied."), () => write("notice", text ?? ""));
      }
    },
  });
  document.documentElement.dataset.script = "";
  go(Number(/^#(\d+)$/.exec(location.hash)?.[1] ?? at));
}

unpack().then(begin, () => write("notice", "This browser cannot unpack the steps: Chromium from 103 on, Firefox from 113 on and Safari from 16.4 on can.", "error"));
