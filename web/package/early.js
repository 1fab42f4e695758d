// The beginning of a model's download, by the page while its worker starts: pieces go to the worker as they come.
import { factsOf, isPage, STALLED_MS } from "./answer.js";
import { within } from "./errors.js";

const MOST_BYTES = 2 ** 25; // after that the worker goes on by itself, so that not all of a large model passes through the page

/** Pieces of the model's file: remote.give({early: {facts}}), then {piece} …, at last {end}. What fails, or cannot be gone on with, is the worker's to do
 *  (download.js), which also says what is wrong. Returns the address, or null where nothing is handed over. */
export function handOver({ model, options }, remote) {
  if (typeof model !== "string" || /^(zoo|audio):/.test(model) || options.sha256?.[model]) return null; // a hash: it may be in the storage
  fetchPieces(model, remote).catch(() => {}).then(() => remote.give({ early: { end: true } }));
  return model;
}

async function fetchPieces(url, remote) {
  const stop = new AbortController();
  remote.signal.addEventListener("abort", () => stop.abort(), { once: true });
  const response = await within(STALLED_MS, fetch(url, { signal: stop.signal }));
  const facts = factsOf(response);
  if (response.status !== 200 || isPage(response) || facts.total === null || (facts.total > MOST_BYTES && !facts.ranges)) return stop.abort();
  remote.give({ early: { facts } });
  const reader = response.body.getReader();
  for (let loaded = 0; ; ) {
    const { value, done } = await within(STALLED_MS, reader.read());
    if (done) return;
    loaded += value.length;
    remote.give({ early: { piece: value } }, [value.buffer]);
    if (loaded >= MOST_BYTES && facts.ranges) return stop.abort();
  }
}
