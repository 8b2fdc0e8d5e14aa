// The next steps stay where they are: what can happen next takes more lines after one step than after another, and buttons that wander are
// hard to press twice.

/** At most so much of the frame's height is kept free for what is not there at the moment. */
const most = 0.3;

let of = ""; // what the floor belongs to
let floor = 0; // px

/** Keeps as much room for the next steps as they have taken at most, in this scenario and at this width. */
export function steady() {
  const frame = document.getElementById("frame");
  const next = document.getElementById("next");
  const dock = next?.parentElement;
  if (!frame || !next || !dock) return;
  const now = `${location.pathname} ${innerWidth} ${document.documentElement.dataset.zoom}`;
  if (now !== of) {
    of = now;
    floor = 0;
    dock.style.removeProperty("--floor");
  }
  const tall = Math.min(next.offsetHeight, Math.round(frame.clientHeight * most));
  if (tall <= floor && dock.style.getPropertyValue("--floor")) return;
  floor = Math.max(floor, tall);
  dock.style.setProperty("--floor", `${floor}px`);
}
