// A line that is typed into leaves of a list what has all its words, in itself or in its heading; headings of which nothing is left go, too.

function filter(line: HTMLInputElement) {
  const list = document.getElementById(line.dataset.filter!);
  if (!list) return;
  const words = line.value.toLowerCase().split(/\s+/).filter(Boolean);
  const items = [...list.querySelectorAll("li")];
  for (const li of items) {
    const text = `${li.closest("section")?.querySelector("h2, h3")?.textContent} ${(li.querySelector("summary") ?? li).textContent}`.toLowerCase(); // not what is folded in
    li.hidden = !words.every((w) => text.includes(w));
  }
  for (const section of list.querySelectorAll("section")) section.hidden = !section.querySelector("li:not([hidden])");
  const left = items.filter((li) => !li.hidden).length;
  const says = line.parentElement!.querySelector("output");
  if (says) says.textContent = words.length ? `${left} of ${items.length}` : "";
}

/** What was drawn anew is filtered anew. */
export function refilter() {
  for (const line of document.querySelectorAll<HTMLInputElement>(":popover-open [data-filter]")) if (line.value) filter(line);
}

export function filters() {
  document.addEventListener("input", (e) => {
    const line = e.target as HTMLInputElement;
    if (line.matches("[data-filter]")) filter(line);
  });
  document.addEventListener("keydown", (e) => {
    const line = e.target as HTMLInputElement;
    if (e.key !== "Enter" || e.isComposing || !line.matches("[data-filter]")) return;
    e.preventDefault();
    document.getElementById(line.dataset.filter!)?.querySelector<HTMLElement>("li:not([hidden]) a")?.click();
  });
  // A panel opens with all that it has, where the present one is.
  document.addEventListener(
    "toggle",
    (e) => {
      const line = (e.target as Element).querySelector<HTMLInputElement>("[data-filter]");
      if (!line || (e as ToggleEvent).newState !== "open") return;
      line.value = "";
      filter(line);
      document.getElementById(line.dataset.filter!)?.querySelector('[aria-current="true"]')?.scrollIntoView({ block: "center" });
    },
    true,
  );
  // What a browser has kept in the line while the reader was elsewhere.
  for (const line of document.querySelectorAll<HTMLInputElement>("[data-filter]")) if (line.value) filter(line);
}
