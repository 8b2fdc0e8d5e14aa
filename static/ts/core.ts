// The script of a Web Worker that runs the WASM. The page makes one to step
// with, and one more for each check, which ends with it: memory that a WASM
// once had is never given back.
//
// In comes {start} once, then {n, event}; out go {module}, {n, fragments}, and {failed} if the
// program in the WASM ended. A check goes on by itself: a slice of about 30 ms,
// then a turn of the event loop, so that "stop" is heard in between. Most slices
// have nothing to show, and then the page hears nothing.
import "wasm_exec";
import type { Event, Fragment } from "./event";

declare const Go: new () => { importObject: WebAssembly.Imports; run(i: WebAssembly.Instance): Promise<void> };
declare function postMessage(message: unknown): void;
declare let onmessage: (m: MessageEvent<In>) => void;

type In = { start: string | WebAssembly.Module } | { n: number; event: Event };

const slice = 30; // ms
let transitions = 1000; // that a slice is expected to make; follows the clock
let ready: Promise<void>;
let checking = 0; // the n of the check that runs
let stopped = false;

// A message to oneself gives the event loop its turn at once, where a timer would wait 4 ms.
const turn = new MessageChannel();
turn.port1.onmessage = () => more();

onmessage = async ({ data }) => {
  if ("start" in data) {
    ready = start(data.start);
    ready.catch((e) => postMessage({ failed: `The simulator could not be started: ${e instanceof Error ? e.message : e}` }));
    return;
  }
  try {
    await ready;
  } catch {
    return; // said already
  }
  const { n, event } = data;
  const fragments = ask(event);
  if (!fragments) return;
  postMessage({ n, fragments });
  if (event.do === "stop") checking = 0;
  if ((event.do === "check" || event.do === "explain") && runs(fragments)) {
    checking = n;
    turn.port2.postMessage(0);
  }
};

function more() {
  if (!checking) return;
  const began = performance.now();
  const fragments = ask({ do: "more", n: transitions });
  if (!fragments) return;
  const took = Math.max(performance.now() - began, 0.1);
  transitions = Math.round(Math.min(Math.max((transitions * slice) / took, 100), transitions * 2, 5e6));
  const goesOn = runs(fragments);
  if (!goesOn || fragments.length > 1) postMessage({ n: checking, fragments });
  if (goesOn) turn.port2.postMessage(0);
  else checking = 0;
}

function runs(fragments: Fragment[]): boolean {
  const answer = fragments.find((f) => f.op === "answer" && f.id === "check");
  return !!answer?.value && JSON.parse(answer.value).running === true;
}

function ask(event: Event): Fragment[] | undefined {
  if (stopped) return;
  const answer = (globalThis as any).gupscope(JSON.stringify(event));
  return JSON.parse(answer);
}

async function start(from: string | WebAssembly.Module) {
  const go = new Go();
  let module: WebAssembly.Module;
  if (typeof from === "string") {
    const response = await fetch(from);
    if (!response.ok) throw new Error(`${response.status} for ${from}`);
    module = await WebAssembly.compileStreaming(response);
    postMessage({ module });
  } else {
    module = from;
  }
  const instance = await WebAssembly.instantiate(module, go.importObject);
  // run returns only when the program ends, and it never ends by itself.
  go.run(instance).then(gone, gone);
  while (!(globalThis as any).gupscope && !stopped) await new Promise((r) => setTimeout(r));
}

function gone() {
  stopped = true;
  checking = 0;
  postMessage({ failed: "The simulator in this page ended unexpectedly." });
}
