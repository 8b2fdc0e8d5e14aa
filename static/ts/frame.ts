// A page inside somebody else's: it tells its height, and fetches the core only when a reader wants to step.
import type { Page } from "./page";

export function frame(page: Page) {
  const tell = () => {
    // The body's height, not the window's: else a frame could only grow.
    parent.postMessage({ gupscope: { height: Math.ceil(document.body.getBoundingClientRect().height) } }, "*");
  };
  new ResizeObserver(tell).observe(document.body);
  tell();
  for (const what of ["pointerdown", "keydown"] as const)
    addEventListener(what, () => page.start(), { once: true, capture: true, passive: true });
}
