// Taking a run away, and bringing one back: the forms are written by the core (web/session/taking.go);
// here they are copied, saved, and, for PNG, drawn.
import { copy } from "./acts";
import type { Taken } from "./event";
import type { Page } from "./page";
import { list } from "./stored";

const said: Record<string, string> = { text: "The text is copied.", mermaid: "The Mermaid diagram is copied.", svg: "The SVG is copied.", json: "The JSON is copied." };

export async function copyAs(page: Page, to: string) {
  if (to !== "png") {
    const made = await taken(page, to);
    if (made) await copy(page, made.text, said[to] ?? "Copied.");
    return;
  }
  const made = await taken(page, "svg");
  if (!made) return;
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": await png(made.text) })]);
    page.notice("The picture is copied.");
  } catch (e) {
    page.notice(`The picture could not be copied: ${e instanceof Error ? e.message : e}. Save it instead.`, "error");
  }
}

export async function saveAs(page: Page, to: string) {
  const made = await taken(page, to === "png" ? "svg" : to);
  if (!made) return;
  try {
    if (to === "png") save(await png(made.text), made.name.replace(/svg$/, "png"));
    else save(new Blob([to === "html" ? await whole(page, made.text) : made.text], { type: made.type }), made.name);
  } catch (e) {
    page.notice(`The file could not be made: ${e instanceof Error ? e.message : e}.`, "error");
  }
}

async function taken(page: Page, to: string): Promise<Taken | null> {
  const dark = document.documentElement.dataset.theme === "dark" || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  return (await page.take({ do: "export", to, text: to === "svg" && dark ? "dark" : undefined, n: Number(document.documentElement.dataset.steps || 0), link: location.origin })) as Taken | null;
}

function save(content: Blob, name: string) {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(content);
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 60_000);
}

/** Draws the SVG at twice its size, or as large as browsers let a canvas be. */
async function png(svg: string): Promise<Blob> {
  const image = new Image();
  image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(svg);
  await image.decode();
  const scale = Math.min(2, 16_000 / image.naturalHeight, 16_000 / image.naturalWidth, Math.sqrt(1.2e8 / (image.naturalHeight * image.naturalWidth)));
  const canvas = document.createElement("canvas");
  canvas.width = Math.floor(image.naturalWidth * scale);
  canvas.height = Math.floor(image.naturalHeight * scale);
  canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => canvas.toBlob((b) => (b ? resolve(b) : reject(new Error("the browser has no room for it"))), "image/png"));
}

/** Puts style and script, which the page has anyhow, into a file that steps by itself. */
async function whole(page: Page, html: string): Promise<string> {
  const [style, script] = await Promise.all(
    [page.boot.css, page.boot.file].map(async (from) => {
      const response = await fetch(from);
      if (!response.ok) throw new Error(`${response.status} for ${from}`);
      return response.text();
    }),
  );
  // The places of rows that the run does not have take most of the style sheet.
  const rows = (html.match(/id="row-/g)?.length ?? 0) + 3;
  const fitting = style!.replace(/\.r(\d+)\{grid-row-start:\d+\}\.e\d+\{grid-row-end:\d+\}/g, (rule, n) => (Number(n) <= rows ? rule : ""));
  return html.replace("/* style */", () => fitting).replace("/* script */", () => script!);
}

/** Says in the panel for that how long the address is: some programs cut long ones off. */
export function measures(page: Page) {
  const says = document.getElementById("link-length");
  document.getElementById("share-panel")?.addEventListener("toggle", async (e) => {
    if (!says || (e as ToggleEvent).newState !== "open") return;
    list();
    const { length } = new URL(await page.whereabouts(), location.href).href;
    says.textContent = `It has ${length.toLocaleString("en")} characters.${length > 2000 ? " Some programs cut addresses off at 2,000: a short link is safer there." : ""}`;
  });
}

/** Lets the reader choose a file; what it holds is opened. */
export function openFile(page: Page) {
  const input = document.getElementById("import") as HTMLInputElement | null;
  if (!input) return;
  input.onchange = () => {
    const file = input.files?.[0];
    input.value = ""; // the same one may be chosen again
    if (file) void bring(page, file);
  };
  input.click();
}

/** Files that are dropped on the page are opened; other things that are dragged stay the browser's. */
export function takeDrops(page: Page) {
  const files = (e: DragEvent) => e.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (e) => {
    if (!files(e)) return;
    e.preventDefault();
    document.documentElement.dataset.drop = "";
  });
  addEventListener("dragleave", (e) => {
    if (e.relatedTarget === null) delete document.documentElement.dataset.drop;
  });
  addEventListener("drop", (e) => {
    delete document.documentElement.dataset.drop;
    const file = files(e) && e.dataTransfer!.files[0];
    if (!file) return;
    e.preventDefault();
    void bring(page, file);
  });
}

const most = 8 << 20;

async function bring(page: Page, file: File) {
  if (file.size > most) {
    page.notice(`${file.name} has ${Math.ceil(file.size / (1 << 20))} MiB; ${most >> 20} MiB is the limit. Nothing was changed.`, "error");
    return;
  }
  const text = await file.text();
  if (file.name.endsWith(".gup")) {
    page.event({ do: "open", text });
    return;
  }
  const link = await page.take({ do: "import", text });
  if (typeof link === "string") page.event({ do: "open", link });
}
