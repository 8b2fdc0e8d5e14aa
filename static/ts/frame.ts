// A page inside somebody else's: it tells its height and at which step it stands, goes to a step when the page around it
// says so, and fetches the core only when a reader, or that page, wants to step.
import type { Page } from "./page";

const tell = (what: Record<string, unknown>) => parent.postMessage({ gupscope: what }, "*");

/** Tells how high the content is: the body, not the window, else a frame could only grow. */
export function height() {
  const now = () => tell({ height: Math.ceil(document.body.getBoundingClientRect().height) });
  new ResizeObserver(now).observe(document.body);
  now();
}

export function frame(page: Page) {
  height();

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
