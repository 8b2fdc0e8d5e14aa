// The script of a Web Worker that runs the WASM. The page makes one to step
// with, and one more for each check, which ends with it: memory that a WASM
// once had is never given back.
//
// In comes {start} once, then {n, event}; out go {module}, {n, fragments}, and {failed} if the
// program in the WASM ended. A check goes on by itself: a slice of about 30 ms,
// then a turn of the event loop, so that "stop" is heard in between. Most slices
// have nothing to show, and then the page hears nothing.
//
// {page} says what the page does, to a check: where there are few cores, it would take the one
// that the page draws on. When the reader "moves", slices are short for a while, so that what follows is heard
// soon; when the page "draws", the check waits until that is "painted".
import "wasm_exec";
import type { Event, Fragment } from "./event";

declare const Go: new () => { importObject: WebAssembly.Imports; run(i: WebAssembly.Instance): Promise<void> };
declare function postMessage(message: unknown): void;
declare let onmessage: (m: MessageEvent<In>) => void;

type In = { start: string | WebAssembly.Module } | { page: "moves" | "draws" | "painted" } | { n: number; event: Event };

const slice = 30; // ms
const short = 8; // ms: of a check beside a reader who moves. Each slice costs a third of a millisecond
const lively = 2000; // ms: so long after a move a reader is expected to move again
const longest = 100; // ms: so long a check waits at most, for a page that nobody looks at does not paint
let transitions = 1000; // that a slice of 30 ms is expected to make; follows the clock
let ready: Promise<void>;
let checking = 0; // the n of the check that runs
let stopped = false;
let waiting = 0; // the timer of a check that waits for the page
let moved = -lively; // when the reader did
let held = false; // its next slice waits

// A message to oneself gives the event loop its turn at once, where a timer would wait 4 ms.
const turn = new MessageChannel();
turn.port1.onmessage = () => more();

onmessage = async ({ data }) => {
  if ("start" in data) {
    ready = start(data.start);
    ready.catch((e) => postMessage({ failed: `The simulator could not be started: ${e instanceof Error ? e.message : e}` }));
    return;
  }
  if ("page" in data) {
    moved = performance.now();
    clearTimeout(waiting);
    waiting = data.page === "draws" ? setTimeout(goOn, longest) : 0;
    if (!waiting) goOn();
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
  if (event.do === "stop") {
    checking = 0;
    held = false;
  }
  if ((event.do === "check" || event.do === "explain") && runs(fragments)) {
    checking = n;
    turn.port2.postMessage(0);
  }
};

function goOn() {
  waiting = 0;
  if (!held) return;
  held = false;
  turn.port2.postMessage(0);
}

function more() {
  if (!checking) return;
  if (waiting) {
    held = true;
    return;
  }
  const began = performance.now();
  const fits = began - moved < lively ? short : slice;
  const fragments = ask({ do: "more", n: Math.max(100, Math.round((transitions * fits) / slice)) });
  if (!fragments) return;
  const took = Math.max(performance.now() - began, 0.1);
  transitions = Math.round(Math.min(Math.max((transitions * fits) / took, 100), transitions * 2, 5e6));
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
