// The transport to a session in this browser: a Web Worker that runs the WASM.
import { moving } from "./controls";
import type { Batch, Event, Fragment, Transport } from "./event";

type Out = { module: WebAssembly.Module } | { n: number; fragments: Fragment[] } | { failed: string };

export class Core implements Transport {
  private worker: Worker;
  private sent: Event[] = []; // not answered yet, in order
  private n = 0;

  /** The compiled WASM, once it is there: a second worker starts from it at once. */
  module?: WebAssembly.Module;

  constructor(
    script: string,
    wasm: string | WebAssembly.Module,
    private then: { batch(b: Batch): void; failed(sentence: string): void },
  ) {
    this.worker = new Worker(script);
    this.worker.onmessage = ({ data }: MessageEvent<Out>) => {
      if ("module" in data) {
        this.module = data.module;
      } else if ("failed" in data) {
        this.then.failed(data.failed);
      } else {
        const event = data.n > this.n - this.sent.length ? this.sent.shift() : undefined;
        this.then.batch({ fragments: data.fragments, do: event?.do ?? "more", own: true });
      }
    };
    this.worker.onerror = (e) => this.then.failed(`The simulator's worker failed: ${e.message ?? "its script could not be loaded"}.`);
    this.worker.postMessage({ start: wasm });
  }

  send(event: Event) {
    this.sent.push(event);
    this.worker.postMessage({ n: ++this.n, event });
  }

  /** Tells a check what the page does, so that it gives way. */
  tell(page: "moves" | "draws" | "painted") {
    this.worker.postMessage({ page });
  }

  /** Whether an answer is to come after which the page stands at another step. */
  get moves(): boolean {
    return this.sent.some((e) => moving.includes(e.do));
  }

  close() {
    this.worker.terminate();
  }
}
