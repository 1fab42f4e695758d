// From a URL, bytes or the browser's own storage into the engine's memory, in pieces as they come.
import { factsOf, isPage, STALLED_MS } from "./answer.js";
import { AccelError, within } from "./errors.js";

const PART = 2 ** 30; // of files above 2 GiB, which many servers and caches between do not send in one piece
const TRIES = 5; // without a byte more
const FOLDER = "accel-models";
const STORAGE_MS = 10000; // the browser's storage answers within it, or there is none

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

async function ask(url, offset, end) {
  const headers = offset > 0 ? { Range: `bytes=${offset}-${end ?? ""}` } : {};
  const response = await within(STALLED_MS, fetch(url, { headers }));
  if (!response.ok) throw new AccelError(response.status === 404 ? "not_found" : "io_error", `${url} cannot be loaded: the server answers ${response.status} ${response.statusText}`);
  if (isPage(response)) throw new AccelError("not_found", `${url} cannot be loaded: the server answers with a page (text/html) and no such file`);
  return response;
}

/** The pieces of an answer, each of which comes within so many ms, without the first `skip` bytes. */
async function* piecesOf(body, ms, skip = 0) {
  const reader = body.getReader();
  try {
    for (;;) {
      const { value, done } = await within(ms, reader.read());
      if (done) return;
      if (skip < value.length) yield value.subarray(skip);
      skip = Math.max(0, skip - value.length);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** The pieces of a file, in order. A connection that breaks is opened again where it broke; a large file comes in parts. begun: an Early of its first pieces. */
export async function* download(url, onTotal = () => {}, begun = null) {
  let offset = 0, failures = 0, first = null;
  if (begun && (first = await begun.facts)) {
    onTotal(first.total);
    for await (const piece of begun.pieces()) {
      offset += piece.length;
      yield piece;
    }
    if (offset === first.total) return;
  }
  for (;;) {
    try {
      const large = first?.ranges && first.total > 2 * PART;
      const response = await ask(url, first?.ranges ? offset : 0, large ? Math.min(offset + PART, first.total) - 1 : undefined);
      const now = factsOf(response);
      first ??= now;
      if (now.tag !== first.tag || (now.total ?? first.total) !== first.total) throw new AccelError("io_error", `${url} changed while it was loaded: load it again`);
      onTotal(first.total);
      const part = first.ranges && first.total > 2 * PART ? (Math.floor(offset / PART) + 1) * PART : Infinity;
      // A server that knows no ranges sends all of it again.
      for await (const piece of piecesOf(response.body, STALLED_MS, response.status === 206 ? 0 : offset)) {
        offset += piece.length;
        failures = 0;
        yield piece;
        if (offset >= part) break;
      }
      if (part === Infinity || offset >= first.total) return;
    } catch (error) {
      if (error instanceof AccelError) throw error;
      if (!first || ++failures > TRIES) // a server that never answered is not asked again
        throw new AccelError("io_error", `${url} cannot be loaded (${error.message})` + (offset > 0 ? `; it broke off at byte ${offset} of ${first.total ?? "an unknown number"}` : ""));
      await wait(100 * 2 ** failures);
    }
  }
}

/** The beginning of a file as the page hands it over (early.js). */
export class Early {
  #come = [];
  #ended = false;
  #wake = () => {};
  #know;
  facts = new Promise((know) => { this.#know = know; }); // null: nothing comes

  take({ facts, piece, end }) {
    if (facts) this.#know(facts);
    if (piece) this.#come.push(piece);
    if (end) {
      this.#know(null);
      this.#ended = true;
    }
    this.#wake();
  }

  async *pieces() {
    for (;;) {
      while (this.#come.length > 0) yield this.#come.shift();
      if (this.#ended) return;
      await new Promise((wake) => { this.#wake = wake; });
    }
  }
}

let hashing = Promise.resolve(); // the engine has one SHA-256 at a time, so files with one come one after the other

async function store(engine, pieces, sizeKnown, onBytes, hash) {
  if (!hash) return write(engine, pieces, sizeKnown, onBytes);
  const written = hashing.then(() => write(engine, pieces, sizeKnown, onBytes, hash));
  hashing = written.catch(() => {});
  return written;
}

/** Writes pieces into the engine's memory; {at, size}. With `hash`, that is their SHA-256. */
async function write(engine, pieces, sizeKnown, onBytes, hash) {
  let size = 0, capacity = 0, at = engine.allocate(0);
  try {
    if (hash) engine.do("page_hash_start");
    for await (const piece of pieces) {
      if (size + piece.length > capacity) {
        capacity = Math.max(size + piece.length, sizeKnown() ?? 2 * capacity);
        at = engine.resize(at, capacity);
      }
      engine.bytes(at + size, piece.length).set(piece);
      if (hash) engine.call("page_hash_update", at + size, piece.length);
      size += piece.length;
      onBytes(piece.length);
    }
    if (hash && engine.text(engine.call("page_hash_finish")) !== hash.toLowerCase())
      throw new AccelError("bad_file", `its content is not the one with the SHA-256 ${hash}`);
    return { at, size };
  } catch (error) {
    engine.free(at);
    throw error;
  }
}

/** The folder of models in the browser's own storage; null where there is none. */
async function folder() {
  try {
    return await within(STORAGE_MS, navigator.storage.getDirectory().then((root) => root.getDirectoryHandle(FOLDER, { create: true })));
  } catch {
    return null;
  }
}

/** From the storage; null when it is not there, or is not what it should be (then it is removed). */
async function fromCache(engine, hash, onBytes) {
  const files = await folder();
  try {
    const blob = await within(STORAGE_MS, files.getFileHandle(hash).then((file) => file.getFile()));
    return await store(engine, piecesOf(blob.stream(), STORAGE_MS), () => blob.size, onBytes, hash);
  } catch (error) {
    if (error instanceof AccelError && error.status !== "bad_file") throw error;
    await within(STORAGE_MS, files?.removeEntry(hash)).catch(() => {});
    return null;
  }
}

/** As well as it goes: no room, another tab that writes the same file or no such function mean that it is downloaded again. */
async function toCache(engine, hash, { at, size }) {
  try {
    const files = await folder();
    const access = await within(STORAGE_MS, files.getFileHandle(hash, { create: true }).then((file) => file.createSyncAccessHandle()));
    try {
      access.truncate(0);
      for (let done = 0; done < size; ) done += access.write(engine.bytes(at + done, Math.min(size - done, 2 ** 26)), { at: done });
      access.flush();
    } finally {
      access.close();
    }
  } catch {
    // a half-written file fails its hash when it is read
  }
}

/** A source in the engine's memory: {at, size, cached}. onBytes(n) is told of each piece, onTotal(n) of the whole size when it is known. */
export async function take(engine, source, { hash, cache = true, begun = null, onBytes = () => {}, onTotal = () => {} } = {}) {
  if (typeof source !== "string") {
    onTotal(source.length);
    return { ...(await store(engine, [source], () => source.length, onBytes, hash)), cached: false };
  }
  if (hash && !/^[0-9a-f]{64}$/i.test(hash)) throw new AccelError("invalid_argument", `the SHA-256 given for ${source} is not one: ${hash}`);
  const kept = hash && cache ? hash.toLowerCase() : null;
  const found = kept && (await fromCache(engine, kept, onBytes));
  if (found) return { ...found, cached: true };
  let total = null;
  const pieces = download(source, (n) => {
    total = n;
    if (n !== null) onTotal(n);
  }, begun);
  try {
    const taken = await store(engine, pieces, () => total, onBytes, hash);
    if (kept) await toCache(engine, kept, taken);
    return { ...taken, cached: false };
  } catch (error) {
    throw error instanceof AccelError && error.status === "bad_file" ? new AccelError("bad_file", `${source}: ${error.message}`) : error;
  }
}
