// The page: loads the model with progress and cancel, compares sentences with a query, says how long what took.
// ?model=ADDRESS/ names another folder; ?threads=1, ?variant=baseline and ?platform=webnn or webgpu choose how it runs.
import { Embedder, cosine } from "./embed.js";

const part = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const ms = (value) => (value === null ? "–" : value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`);
const mb = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

let embedder = null;

function show({ phase, loaded, total }) {
  part("loaded").style.width = phase === "download" && total ? `${(100 * loaded) / total}%` : "100%";
  part("phase").textContent = phase === "download" ? `Loading the model: ${mb(loaded)}${total ? ` of ${mb(total)}` : ""}` : "Making it ready…";
}

function fail(error) {
  part("loading").hidden = false;
  part("loading").classList.add("failed");
  part("phase").textContent = error.name === "AbortError" ? "Cancelled. Load the page again to go on." : error.message;
  part("cancel").hidden = true;
  part("go").disabled = true;
}

function tellFacts(took, count) {
  const { figures, variant, threads, platform, adapter } = embedder.model;
  const how = { webnn: "WebNN", webgpu: `WebGPU, ${adapter?.name}` }[platform] ?? `WebAssembly, ${variant}, ${threads === 1 ? "one thread" : `${threads} threads`}`;
  part("facts").textContent =
    `${how}. Engine ${ms(figures.engine_ms)}, download ${ms(figures.download_ms)}, reading ${ms(figures.load_ms)}, making ready ${ms(figures.compile_ms)}, ` +
    `first inference ${ms(figures.first_ms)}; ${count} new ${count === 1 ? "sentence" : "sentences"} in ${ms(took)}.`;
}

async function compare() {
  const query = part("query").value.trim();
  const sentences = [...new Set(part("sentences").value.split("\n").map((line) => line.trim()).filter(Boolean))];
  const start = performance.now(), before = embedder.known.size;
  const [wanted, ...others] = await embedder.embed([query, ...sentences]);
  const took = performance.now() - start;
  const near = sentences.map((text, i) => ({ text, value: cosine(wanted, others[i]) })).sort((a, b) => b.value - a.value);
  part("results").replaceChildren(...near.map(({ text, value }) => {
    const item = document.createElement("li"), words = document.createElement("span"), number = document.createElement("span");
    words.textContent = text;
    number.textContent = value.toFixed(2);
    item.style.setProperty("--near", Math.max(0, value));
    item.append(words, number);
    return item;
  }));
  tellFacts(took, embedder.known.size - before);
}

part("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  part("go").disabled = true;
  try {
    await compare();
    part("go").disabled = false;
  } catch (error) {
    fail(error);
  }
});

const controller = new AbortController();
part("cancel").addEventListener("click", () => controller.abort());
try {
  const options = { progress: show, signal: controller.signal };
  if (asked.has("threads")) options.threads = Number(asked.get("threads"));
  for (const name of ["variant", "platform"]) if (asked.has(name)) options[name] = asked.get(name);
  embedder = await Embedder.load(new URL(asked.get("model") ?? "minilm/", location.href), options);
  part("loading").hidden = true;
  await compare();
  part("go").disabled = false;
} catch (error) {
  fail(error);
}
