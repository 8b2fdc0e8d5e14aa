// Checks of the text that a page shows, each in a worker of its own: asked for, stopped, gone on with; what one has found
// is shown.
import { Checker } from "./checker";
import type { Event } from "./event";
import type { Page } from "./page";

export class Checking {
  private checker?: Checker;
  private asked = 0; // how many checks were asked for
  private offered?: Checker; // whose counterexample was shown by itself

  constructor(private readonly page: Page) {}

  /** What is under way is of no interest any more. */
  close() {
    delete document.documentElement.dataset.checking;
    this.checker?.close();
    this.checker = undefined;
  }

  /** The reader has made an event that is not the check's, and then: the page is about to draw its answer. */
  moves() {
    this.checker?.moves();
  }
  giveWay() {
    this.checker?.giveWay();
  }

  /** Begins a check, stops it, or has it go on. */
  async ask(e: Event) {
    const page = this.page;
    const n = ++this.asked;
    if (e.do === "stop") {
      if (this.checker) this.checker.stop();
      else this.close();
      return;
    }
    page.editor?.flush();
    // What was stopped, or came to its bound, goes on.
    if (this.checker?.waits && (e.do === "more" || this.checker.is(e))) {
      this.checker.goOn();
      return;
    }
    this.close();
    const loads = () => (document.documentElement.dataset.checking = ""); // until the check's worker has a simulator
    loads(); // at once: where the page stands may be known only when its own simulator is there
    const text = page.editor?.text ?? page.text;
    const what: Event[] = [page.boot.host === "room" || page.core ? { do: "open", link: await page.whereabouts() } : page.boot.open, { do: "text", text }];
    if (n !== this.asked) return;
    loads();
    this.checker = new Checker(page.boot.worker, page.core?.module ?? page.boot.core, what, e.do === "more" ? { do: "check" } : e, {
      show: (fragments) => {
        delete document.documentElement.dataset.checking;
        page.show({ fragments, do: "check", own: true });
        this.showFound();
      },
      failed: (sentence) => {
        this.ended();
        page.notice(sentence, "error");
      },
    });
  }

  /** A worker ended without a last word: nothing is under way that could be stopped. */
  private ended() {
    this.close();
    for (const stop of document.querySelectorAll('[data-do="stop"]')) {
      const says = document.createElement("span");
      says.className = "numbers";
      says.textContent = "ended without a result";
      const verdict = stop.closest("#verdict");
      if (verdict) {
        verdict.className = "verdict unchecked";
        verdict.replaceChildren(says);
      } else stop.replaceWith(says);
    }
  }

  /** What a check found is shown at once to a reader who has not made a step, and has nothing else open. A room's race is everybody's. */
  private showFound() {
    const found = document.querySelector<HTMLElement>('#verdict.sometimes [data-command="counterexample"]');
    const cursor = document.querySelector<HTMLInputElement>("#scrub input");
    if (!found || cursor?.max !== "0" || this.page.boot.host === "room" || this.page.editor?.unsent) return;
    if (document.querySelector("[popover]:popover-open") || this.checker === undefined || this.checker === this.offered) return;
    this.offered = this.checker;
    found.click();
  }
}
