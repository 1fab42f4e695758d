// The workers of one model, as the page sees them: the engine's, asked by messages, and those that its threads run on.
import { AccelError } from "./errors.js";
import { elsewhere, importingWorker } from "./workers.js";

function startEngine(base) {
  const folder = base ? new URL(base, location.href) : import.meta.url;
  const far = elsewhere("worker.js", folder);
  if (far) return importingWorker(far);
  if (base) return new Worker(new URL("worker.js", folder), { type: "module" });
  return new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
}

function startThread(base) {
  const folder = base ? new URL(base, location.href) : import.meta.url;
  const far = elsewhere("thread.js", folder);
  if (far) return importingWorker(far);
  if (base) return new Worker(new URL("thread.js", folder), { type: "module" });
  return new Worker(new URL("./thread.js", import.meta.url), { type: "module" });
}

const messageOf = (event) => {
  event.preventDefault?.();
  return event.message || "its script cannot be loaded";
};

/** Once the engine's worker or one of the threads stopped, all that is asked is refused with the reason. */
export class Remote {
  #worker;
  #threads = [];
  #waiting = new Map();
  #last = 0;
  #ended = null;
  #ending = new AbortController();

  constructor(base, onProgress) {
    this.#worker = startEngine(base);
    this.#worker.onmessage = ({ data: { id, result, failed, progress, thread } }) => {
      if (progress) return onProgress(progress);
      if (thread) return this.#addThread(startThread(base), thread);
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (!failed) return resolve(result);
      const error = new AccelError(failed.status, failed.message);
      reject(error);
      if (failed.status === "crashed") this.end(error);
    };
    this.#worker.onerror = (event) => this.end(new AccelError("crashed", `the engine's worker stopped: ${messageOf(event)}`));
  }

  /** When the engine has started, so as not to be in its way. The page starts it and not the engine's worker, which cannot while it is at work. */
  #addThread(thread, what) {
    thread.postMessage(what);
    const failed = (reason) => this.end(new AccelError("error", `a thread cannot start: ${reason}`));
    thread.onerror = (event) => failed(messageOf(event));
    thread.onmessage = ({ data }) => failed(data.failed);
    this.#threads.push(thread);
  }

  /** Aborted when this ends. */
  get signal() { return this.#ending.signal; }

  ask(request) {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      const id = ++this.#last;
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, ...request });
    });
  }

  /** What a request that was made needs, as it comes; it has no answer. */
  give(what, transfer = []) {
    if (!this.#ended) this.#worker.postMessage({ given: what }, transfer);
  }

  /** Ends the workers, and with them all memory of the model. */
  end(reason) {
    if (this.#ended) return;
    this.#ended = reason;
    for (const worker of [this.#worker, ...this.#threads]) worker.terminate();
    this.#ending.abort(reason);
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
  }
}
