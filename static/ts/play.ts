// Going forward by itself, and all columns again: what needs no session.
import { showOwn } from "./controls";

const html = document.documentElement.dataset;
let playing = 0;

/** Goes forward in the run step by step, as fast as the reader has chosen, to its end; or stops that. */
export function play() {
  if (playing) {
    halt();
    return;
  }
  html.playing = "";
  const next = () => {
    const forward = document.querySelector<HTMLElement>("#scrub .forward");
    if (!forward || forward.getAttribute("aria-disabled") === "true" || html.playing === undefined) {
      halt();
      return;
    }
    forward.click();
    playing = window.setTimeout(next, 1000 / Number(html.speed || 1));
  };
  next();
}

/** Stops going forward: at the end, and where another race is opened. */
export function halt() {
  clearTimeout(playing);
  playing = 0;
  delete html.playing;
}

/** Shows the columns that were folded. */
export function unhide() {
  for (const name of Object.keys(html)) if (/^lane\d+$/.test(name)) delete html[name];
  showOwn();
}
