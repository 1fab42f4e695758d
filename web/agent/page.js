/** The agent page: shows what this device can do and what it is doing. The work itself is in jobs.js. */

const URGENT = ["token", "files", "connection", "secure"]; /* without these nothing works */
const MOST_DONE = 12;
const MOST_TRIES = 5;
const RETRY_MS = 2000;

const at = (id) => document.getElementById(id);
const element = (name, text, className = "") => Object.assign(document.createElement(name), { textContent: text, className });
const token = new URLSearchParams(location.search).get("token");
const missing = new Map(); /* what -> a sentence */
let startAgent = null;
let agent = null;
let tries = 0;
let lock = null;

/* ---- what is missing ------------------------------------------------------------------------------------------------------ */

/** Shows a sentence under a name, or takes it away. */
function note(what, sentence) {
  if (sentence) missing.set(what, sentence);
  else missing.delete(what);
  at("missing").replaceChildren(...[...missing.values()].map((text) => element("li", text)));
  at("notes").hidden = missing.size === 0;
  at("notes").toggleAttribute("data-urgent", URGENT.some((urgent) => missing.has(urgent)));
}

function noteCapabilities(c) {
  note("secure", isSecureContext ? null
    : "This address is not secure, so the browser gives this page no threads, no storage, no WebNN and no WebGPU. Open the https address that accel prints.");
  note("isolated", c.isolated || !isSecureContext ? null
    : "The page is not cross-origin isolated, so models run on one thread. Open it at the address that accel prints, in a tab of its own.");
  note("opfs", c.opfs ? null : "The browser gives no private storage here, so models are downloaded anew each time.");
  for (const { name, available, reason } of c.platforms)
    note(name, available ? null : `${name} cannot be measured here: ${reason ?? "the browser gives no reason"}`);
}

function noteVisibility() {
  note("hidden", document.visibilityState === "visible" ? null
    : "This page is hidden, and browsers slow hidden pages down. Keep it in front while a job runs.");
}

/* ---- this device ---------------------------------------------------------------------------------------------------------- */

function showFacts(c) {
  const yes = (value) => (value ? "yes" : "no");
  const facts = {
    Browser: (navigator.userAgentData?.brands ?? []).filter((b) => !/not.*brand/i.test(b.brand))
      .map((b) => `${b.brand} ${b.version}`).join(", ") || navigator.userAgent,
    Platforms: c.platforms.filter((p) => p.available).map((p) => [p.name, ...(p.devices ?? [])].join(" ")).join(", ") || "none",
    CPUs: c.cpus,
    Memory: c.memory_gb ? `${c.memory_gb} GB or more` : "not told by the browser",
    Threads: yes(c.threads && c.isolated),
    SIMD: c.relaxed_simd ? "yes, relaxed as well" : yes(c.simd),
    Storage: yes(c.opfs),
  };
  at("facts").replaceChildren(...Object.entries(facts).flatMap(([name, value]) => [element("dt", name), element("dd", String(value))]));
}

/** The name that accel calls this page by: kept by the browser, else made of its system. */
function ownName() {
  try {
    const kept = localStorage.getItem("accel-agent-name");
    if (kept) return kept;
  } catch { /* no storage: a name for this visit */ }
  const system = /iPhone|iPad|Android|Windows|Macintosh|CrOS|Linux/.exec(navigator.userAgent)?.[0] ?? "browser";
  const suffix = [...crypto.getRandomValues(new Uint8Array(2))].map((b) => b.toString(16).padStart(2, "0")).join("");
  return keepName(`${system.toLowerCase()}-${suffix}`);
}

function keepName(name) {
  try {
    localStorage.setItem("accel-agent-name", name);
  } catch { /* it is asked for again next time */ }
  return name;
}

/* ---- jobs ------------------------------------------------------------------------------------------------------------------ */

const JOB_WORDS = {
  load: "Loading a model", bind: "Taking its inputs", run: "Running once", sample: "Measuring", outputs: "Sending outputs",
  memory: "Asking for its memory", profile: "Asking for its profile", start: "Loading a model, up to its first outputs", generate: "Writing a text", tune: "Trying variants of a kernel", unload: "Unloading",
};
const ms = (value) => (Number.isFinite(value) ? `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ms` : "not known");
const mb = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

function median(values = []) {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
}

const RESULT_WORDS = {
  load: (r) => `Loaded: ${r.variant ?? "WebNN"}, threads: ${r.threads}, downloaded in ${ms(r.figures?.download_ms)}`,
  bind: () => "Inputs taken",
  run: (r) => `First run: ${ms(r.run_ms)}`,
  sample: (r) => (r.samples_ms?.length > 0 ? `Median ${ms(median(r.samples_ms))} over ${r.samples_ms.length} samples` : "Warmed up"),
  outputs: (r) => `Outputs sent: ${r.outputs?.length ?? 0}`,
  memory: (r) => `Model ${mb(r.model_bytes)}, activations ${mb(r.activation_bytes)}`,
  start: (r) => `First outputs after ${ms(r.start_ms)}`,
  generate: (r) => `Tokens written: ${r.tokens?.length ?? 0}`,
  tune: (r) => `Variants tried: ${r.trials?.length ?? 0}`,
  profile: (r) => `Times of ${r.rows?.length ?? 0} kernels`,
  unload: () => "Unloaded",
};

function addDone(text, failed) {
  const list = at("done");
  if (list.firstElementChild?.className === "quiet") list.replaceChildren();
  const line = element("li", "");
  line.append(element("span", text, failed ? "failed" : ""), element("time", new Date().toLocaleTimeString()));
  list.prepend(line);
  while (list.childElementCount > MOST_DONE) list.lastElementChild.remove();
}

function showProgress(progress) {
  const bar = at("progress");
  bar.hidden = false;
  if (progress?.total > 0) bar.value = Math.min(progress.loaded / progress.total, 1);
  else bar.removeAttribute("value");
  const words = { download: "downloading", compile: "compiling", load: "reading" };
  at("detail").textContent = !progress ? ""
    : `${words[progress.phase] ?? progress.phase}: ${mb(progress.loaded)}${progress.total > 0 ? ` of ${mb(progress.total)}` : ""}`;
}

function showJob(job, progress) {
  at("job").textContent = job ? `${JOB_WORDS[job] ?? job} …` : "Waiting for a job.";
  if (job) return showProgress(progress);
  at("progress").hidden = true;
  at("detail").textContent = "";
}

/* ---- the connection -------------------------------------------------------------------------------------------------------- */

function showConnection(state, words) {
  at("connection").dataset.state = state;
  at("connection").textContent = words;
}

/** A phone that goes to sleep in the middle of a measurement measures nothing. */
async function stayAwake() {
  if (document.visibilityState !== "visible" || !navigator.wakeLock) return;
  lock = await navigator.wakeLock.request("screen").catch(() => null);
}

function closed() {
  showConnection("closed", "not connected");
  showJob(null);
  lock?.release().catch(() => {});
  lock = null;
  if (tries++ < MOST_TRIES) return setTimeout(connect, RETRY_MS);
  note("connection", "accel does not answer any more. Where it was started anew it has a new address; open that one.");
  at("again").hidden = false;
}

function opened() {
  tries = 0;
  note("connection", null);
  at("again").hidden = true;
  showConnection("open", "connected");
  stayAwake();
}

function onState({ connection, job, progress, finished, error }) {
  if (connection === "open") opened();
  if (connection === "closed") closed();
  if (job !== undefined) showJob(job, progress);
  if (finished) addDone(RESULT_WORDS[finished.do]?.(finished.result) ?? finished.do, false);
  if (error) addDone(error, true);
}

function connect() {
  showConnection("opening", "connecting");
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  agent = startAgent({
    url: `${scheme}://${location.host}/agent?token=${encodeURIComponent(token)}`, name: at("name").value, onState,
  });
}

/* ---- starting -------------------------------------------------------------------------------------------------------------- */

async function start() {
  at("name").value = ownName();
  noteVisibility();
  if (!token) {
    showConnection("closed", "not connected");
    note("token", "This address has no token, so accel cannot know that you may use it. Open the whole address that accel printed, or scan its code.");
  }
  try {
    const { capabilities } = await import("../package/index.js");
    ({ startAgent } = await import("./jobs.js"));
    const c = await capabilities();
    showFacts(c);
    noteCapabilities(c);
  } catch (error) {
    showConnection("closed", "not connected");
    return note("files", `accel's files could not be loaded here: ${error.message}`);
  }
  if (token) connect();
}

at("naming").addEventListener("submit", (event) => {
  event.preventDefault();
  keepName(at("name").value);
  tries = 0;
  if (agent) agent.close(); /* and connects again under the new name */
});
at("again").addEventListener("click", () => {
  tries = 0;
  at("again").hidden = true;
  connect();
});
document.addEventListener("visibilitychange", () => {
  noteVisibility();
  if (at("connection").dataset.state === "open") stayAwake();
});
start();
