// The script of a run that was saved as one file (web/page/file.templ): the frames are all there, drawn ahead.
import { apply, write } from "./apply";
import { listen, showOwn } from "./controls";
import { play, unhide } from "./play";
import type { Event } from "./event";
import { look } from "./sight";

/** By the id of its element, what differs from the frame before. */
type Frame = Record<string, string>;

const frames: Frame[] = JSON.parse(document.getElementById("frames")!.textContent!);
const ids = new Set(frames.flatMap((f) => Object.keys(f)));
let at = Number(document.body.dataset.at);

/** What an element shows at a step: what the last frame up to there says that names it. */
function shown(id: string, step: number): string {
  for (let i = step; i >= 0; i--) if (frames[i]![id] !== undefined) return frames[i]![id]!;
  return "";
}

function go(to: number) {
  const from = at;
  at = Math.max(0, Math.min(to, frames.length - 1));
  for (const id of ids) {
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
