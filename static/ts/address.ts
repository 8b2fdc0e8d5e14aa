// The address of the page.

/** Browsers allow about 100 changes of the address in 30 s; what is in between is made good later. */
let shown = 0;
let due = 0;
export function show(address: string, push: boolean) {
  clearTimeout(due);
  const go = () => {
    shown = performance.now();
    if (location.pathname + location.search + location.hash !== address) history[push ? "pushState" : "replaceState"](null, "", address);
  };
  if (push || performance.now() - shown > 400) go();
  else due = window.setTimeout(go, 400);
}
