// A check, or the question what it rests on, in a worker of its own: the one that
// steps stays free, and the memory goes back when the worker ends. The worker goes on by itself (core.ts).
import type { Event, Fragment } from "./event";
import { Core } from "./worker";

const patience = 6000; // ms

export class Checker {
  private core: Core;
  private opening: number; // answers to come to the events that say what is checked
  private stopping = 0;

  /** It was stopped, or came to its bound, and can go on. */
  waits = false;

  constructor(
    script: string,
    wasm: string | WebAssembly.Module,
    what: Event[],
    private first: Event,
    private then: { show(fragments: Fragment[]): void; failed(sentence: string): void },
  ) {
    this.core = new Core(script, wasm, {
      batch: ({ fragments }) => {
        // What the worker's session says of the text, the page shows already.
        if (this.opening > 0) {
          this.opening--;
          return;
        }
        then.show(fragments);
        const answer = fragments.find((f) => f.op === "answer" && f.id === "check");
        if (!answer?.value) return;
        const is = JSON.parse(answer.value);
        if (is.running) return;
        clearTimeout(this.stopping);
        this.waits = is.more === true;
        if (!this.waits) this.close();
      },
      failed: (sentence) => {
        this.close();
        then.failed(sentence);
      },
    });
    this.opening = what.length;
    for (const e of what) this.core.send(e);
    this.core.send(first);
  }

  /** Whether that is what it does already: check in the same way, or explain. */
  is(e: Event): boolean {
    return e.do === this.first.do && e.to === this.first.to;
  }

  stop() {
    this.core.send({ do: "stop" });
    // A slice lasts 30 ms, and on a machine that does much else besides a second. Should one not end, the worker does.
    this.stopping = window.setTimeout(() => {
      this.close();
      this.then.failed("The check did not hear Stop, and was ended: what it had found is gone. Checking again begins anew.");
    }, patience);
  }

  /** The reader has made an event: its answer will be drawn soon. */
  moves() {
    this.core.tell("moves");
  }

  /** Gives way: what the page is about to draw comes first. It goes on when that is painted. */
  giveWay() {
    const n = ++this.drawn;
    this.core.tell("draws");
    // What is drawn is painted behind this frame's callbacks, and before the next task.
    requestAnimationFrame(() => setTimeout(() => n === this.drawn && this.core.tell("painted")));
  }

  private drawn = 0; // how often it gave way

  /** Goes on where it stopped, with more room if that was the reason. */
  goOn() {
    this.waits = false;
    this.core.send({ do: this.first.do });
  }

  close() {
    clearTimeout(this.stopping);
    this.waits = false;
    this.core.close();
  }
}
