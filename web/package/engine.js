// One instance of the engine: a memory, the module on it, and the functions of src/page/page.h as methods. Works in a page, a worker and Node.
import { AccelError } from "./errors.js";
import { imports, textAt } from "./imports.js";

const FIRST_PAGES = 64;
const encoder = new TextEncoder();

/** A shared memory must say at once how large it may become; where a browser refuses to reserve so much, less will do. */
function makeMemory(shared) {
  if (!shared) return new WebAssembly.Memory({ initial: FIRST_PAGES });
  for (let maximum = 65536; ; maximum /= 2) {
    try {
      return new WebAssembly.Memory({ initial: FIRST_PAGES, maximum, shared: true });
    } catch (error) {
      if (maximum <= 4096) throw new AccelError("out_of_memory", `the browser gives no shared memory of ${maximum / 16} MiB: ${error.message}`);
    }
  }
}

export class Engine {
  #functions;
  #stopped = false;

  /** module: a compiled accel-*.wasm; shared: whether it is one with threads. */
  static async start(module, shared = false) {
    const memory = makeMemory(shared);
    return new Engine(module, memory, await WebAssembly.instantiate(module, imports(memory)));
  }

  constructor(module, memory, instance) {
    this.module = module;
    this.memory = memory;
    this.#functions = instance.exports;
  }

  /** Calls a function of page.h. One that traps ends this engine: nothing is known of its memory any more. */
  call(name, ...values) {
    if (this.#stopped) throw new AccelError("crashed", "this engine stopped earlier: load the model again");
    try {
      return this.#functions[name](...values);
    } catch (error) {
      this.#stopped = true;
      throw new AccelError("crashed", `the engine stopped in ${name} (${error.message}): load the model again`);
    }
  }

  failure() {
    return new AccelError(this.text(this.call("page_status")), this.text(this.call("page_message")));
  }

  /** The same of a function that gives a status. Texts among the values are handed over as UTF-8 bytes and their length. */
  do(name, ...values) {
    const texts = [];
    try {
      const flat = values.flatMap((value) => {
        if (typeof value !== "string") return [value];
        const bytes = encoder.encode(value);
        texts.push(this.put(bytes));
        return [texts.at(-1), bytes.length];
      });
      if (this.call(name, ...flat) !== 0) throw this.failure();
    } finally {
      for (const at of texts) this.free(at);
    }
  }

  /** The same of a function that gives JSON. */
  ask(name, ...values) {
    const at = this.call(name, ...values);
    if (at === 0) throw this.failure();
    return JSON.parse(this.text(at));
  }

  /** A view of the memory, good until the memory grows: never kept over a call. */
  bytes(at, length) {
    return new Uint8Array(this.memory.buffer, at >>> 0, length);
  }

  text(at) {
    const start = at >>> 0;
    if (start === 0) return null;
    return textAt(this.memory, start, new Uint8Array(this.memory.buffer).indexOf(0, start) - start);
  }

  allocate(size) {
    return this.#memoryFrom("page_allocate", size);
  }

  resize(at, size) {
    return this.#memoryFrom("page_resize", size, at);
  }

  #memoryFrom(name, size, ...before) {
    if (size >= 2 ** 32) throw new AccelError("out_of_memory", `${size} bytes are more than the engine's memory can ever be (4 GiB)`);
    const at = this.call(name, ...before, size) >>> 0;
    if (at === 0) throw this.failure();
    return at;
  }

  free(at) {
    if (!this.#stopped) this.call("page_free", at);
  }

  /** A copy of bytes in the memory. */
  put(bytes) {
    const at = this.allocate(bytes.length);
    this.bytes(at, bytes.length).set(bytes);
    return at;
  }

  /** What a further worker needs to run as a thread of this engine: see thread.js. */
  thread(index) {
    const stack = this.call("page_thread", index) >>> 0;
    if (stack === 0) throw this.failure();
    return { module: this.module, memory: this.memory, stack, index };
  }
}
