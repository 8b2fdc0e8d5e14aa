// What is in sight after a step: its row, its step in the kernel's function, its statement in the text.
import { steady } from "./dock";
import type { Editor } from "./editor";

/** After these, the page stands elsewhere. */
const steps = ["step", "run", "goto", "show", "kernel", "open", "text", "note", "snapshot"];

let due = ""; // the event that was not looked after yet
let framed = false; // a frame is asked for

// A message to oneself is a task of its own. Where things stand is asked for there, and not when a frame is painted: two tasks of half the length.
const turn = new MessageChannel();

/** Brings into sight what the last event was about; the text only while nobody writes in it. It does so once before the next frame is painted, however many
    events there are, and a step does not wait for it. */
export function look(event: string, editor?: Editor) {
  if (!steps.includes(event)) return;
  due = event;
  turn.port1.onmessage = () => bring(editor);
  if (framed) return;
  framed = true;
  turn.port2.postMessage(0);
  requestAnimationFrame(() => {
    framed = false;
    bring(editor);
  });
}

function bring(editor?: Editor) {
  const event = due;
  due = "";
  if (!event) return;
  steady();
  const row = rowInSight();
  (document.querySelector("#listing li.was") ?? document.querySelector("#listing li.at"))?.scrollIntoView({ block: "nearest" });
  const colour = /(?:^| )w(\d+)(?: |$)/.exec(row?.className ?? "")?.[1];
  if (colour && event !== "text") editor?.reveal(Number(colour));
}

/** The present row stays in sight, whatever else becomes smaller or larger. */
export function rowInSight(): Element | null {
  const row = document.querySelector('.row[aria-current="step"]');
  row?.scrollIntoView({ block: "nearest" });
  const step = row?.querySelector(":scope > .step");
  if (step) aside(step);
  return row;
}

/** Where the columns have more width than the frame, that of the step comes into sight. */
function aside(step: Element) {
  const frame = document.getElementById("frame");
  if (!frame || frame.scrollWidth <= frame.clientWidth) return;
  const is = step.getBoundingClientRect();
  const has = frame.getBoundingClientRect();
  const margin = 40; // px: the bars beside a card, and the gap behind it
  if (is.left - margin < has.left) frame.scrollLeft -= has.left - is.left + margin;
  else if (is.right + margin > has.left + frame.clientWidth) frame.scrollLeft += is.right + margin - has.left - frame.clientWidth;
}
