// A check, in a worker of its own: the one that steps stays free, and the memory
// goes back when the worker ends. The worker goes on by itself (core.ts).
import type { Event, Fragment } from "./event";
import { Core } from "./worker";

export class Checker {
  private core: Core;
  private opened = false;
  private stopping = 0;

  constructor(
    script: string,
    wasm: string | WebAssembly.Module,
    open: Event,
    check: Event,
    then: { show(fragments: Fragment[]): void; failed(sentence: string): void },
  ) {
    this.core = new Core(script, wasm, {
      batch: ({ fragments }) => {
        // What the worker's session says of opening the text, the page shows already.
        if (!this.opened) {
          this.opened = true;
          return;
        }
        then.show(fragments);
        const answer = fragments.find((f) => f.op === "answer" && f.id === "check");
        if (answer?.value && !JSON.parse(answer.value).running) this.close();
      },
      failed: (sentence) => {
        this.close();
        then.failed(sentence);
      },
    });
    this.core.send(open);
    this.core.send(check);
  }

  stop() {
    this.core.send({ do: "stop" });
    // A slice lasts 30 ms. Should one not end, the worker does.
    this.stopping = window.setTimeout(() => this.close(), 2000);
  }

  close() {
    clearTimeout(this.stopping);
    this.core.close();
  }
}
