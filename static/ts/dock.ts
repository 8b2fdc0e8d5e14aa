// The next steps stay where they are: what can happen next takes more lines after one step than after another, and buttons that wander are
// hard to press twice.

/** Of the frame's height, rows have so much before anything is kept free for what is not there at the moment, px; and so much of the rest is kept free at most. */
const rows = 200;
const most = 0.4;

let of = ""; // what the floor belongs to
let floor = 0; // px

/** Keeps as much room for the next steps as they have taken at most, in this scenario and in this window. */
export function steady() {
  const frame = document.getElementById("frame");
  const next = document.getElementById("next");
  const dock = next?.parentElement;
  if (!frame || !next || !dock) return;
  const now = `${location.pathname} ${innerWidth} ${innerHeight} ${document.documentElement.dataset.zoom}`;
  if (now !== of) {
    of = now;
    floor = 0;
    dock.style.removeProperty("--floor");
  }
  const tall = Math.min(next.offsetHeight, Math.max(0, Math.round((frame.clientHeight - rows) * most)));
  if (tall > floor || !dock.style.getPropertyValue("--floor")) {
    floor = Math.max(floor, tall);
    dock.style.setProperty("--floor", `${floor}px`);
  }
  // What is brought into sight is so above them.
  const foot = `${dock.offsetHeight}px`;
  if (frame.style.getPropertyValue("--foot") !== foot) frame.style.setProperty("--foot", foot);
}
