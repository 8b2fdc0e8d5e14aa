// A page inside somebody else's: it tells its height and at which step it stands, goes to a step when the page around it
// says so, and fetches the core only when a reader, or that page, wants to step.
import type { Page } from "./page";
import { rowInSight } from "./sight";

const tell = (what: Record<string, unknown>) => parent.postMessage({ gupscope: what }, "*");

/** Tells how high the content is: the body, not the window, else a frame could only grow. */
export function height() {
  new ResizeObserver(now).observe(document.body);
  now();
}

const low = document.documentElement.classList;
const now = () => tell({ height: natural() });
let settled = 0; // the timer of what follows

/** How high the content is, what a low frame has scrolled away included. */
function natural(): number {
  const diagram = low.contains("low") ? document.getElementById("frame") : null;
  return Math.ceil(document.body.getBoundingClientRect().height + (diagram ? diagram.scrollHeight - diagram.clientHeight : 0));
}

/** In a frame that stays lower than its content, whatever that tells, the diagram alone scrolls: name, sentence and buttons stay in sight. */
function fit() {
  clearTimeout(settled);
  settled = window.setTimeout(() => {
    const is = natural() > innerHeight + 1;
    if (is === low.contains("low")) return;
    low.toggle("low", is);
    if (is) scrollTo(0, 0);
    rowInSight();
  }, 300);
}

export function frame(page: Page) {
  height();
  new ResizeObserver(fit).observe(document.body);
  addEventListener("resize", fit);
  fit();

  let last = "";
  page.shown = () => {
    const scrub = document.querySelector<HTMLInputElement>("#scrub input");
    if (!scrub) return;
    const sentence = (document.getElementById("sentence")?.textContent ?? "").replace(/\s+/g, " ").trim();
    const now = `${scrub.value} ${scrub.max} ${sentence}`;
    if (now === last) return;
    last = now;
    tell({ step: { at: Number(scrub.value), of: Number(scrub.max), sentence } });
  };
  page.shown();

  addEventListener("message", (e) => {
    if (e.source !== parent || parent === window) return;
    const at = e.data?.gupscope?.goto;
    if (Number.isInteger(at) && at >= 0) page.event({ do: "goto", at });
  });
  for (const what of ["pointerdown", "keydown"] as const)
    addEventListener(what, () => page.start(), { once: true, capture: true, passive: true });
}
