// Going forward by itself, and all columns again: what needs no session.
import { showOwn } from "./controls";

const html = document.documentElement.dataset;
let playing = 0;

/** Goes forward in the run step by step, as fast as the reader has chosen, to its end; or stops that. */
export function play() {
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

/** Shows the columns that were folded. */
export function unhide() {
  for (const name of Object.keys(html)) if (/^lane\d+$/.test(name)) delete html[name];
  showOwn();
}
