// The shaders of a model's last plan, kept in the browser's own storage (OPFS), so that the next load can have them compiled while it downloads. What is
// read back is only a guess: a plan takes of it what has the same text.

const FOLDER = "accel-shaders";
const MOST_LISTS = 32; // the oldest one goes
const MOST_SHADERS = 1024;
const MOST_BYTES = 8 << 20;
const MOST_BINDINGS = 8;

const isShader = (shader) =>
  typeof shader?.name === "string" && typeof shader.text === "string" && Array.isArray(shader.written) &&
  shader.written.length <= MOST_BINDINGS && shader.written.every((is) => typeof is === "boolean");

async function folder() {
  return (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });
}

/** What tells one plan from another; null for a model that has no address. */
async function nameOf({ model, data, options: { shapes, dims, sha256, precision } }, { name, features, limits }) {
  const sources = [model, ...Object.values(data)];
  if (!sources.every((source) => typeof source === "string")) return null;
  const text = JSON.stringify([sources, Object.keys(data), shapes, dims, sha256, precision, name, features, limits]);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function removeOldest(files) {
  const kept = [];
  for await (const [name, handle] of files.entries()) kept.push({ name, when: (await handle.getFile()).lastModified });
  kept.sort((a, b) => b.when - a.when);
  for (const { name } of kept.slice(MOST_LISTS)) await files.removeEntry(name);
}

export class ShaderList {
  shaders = [];
  #name = null;

  /** The list of a request to load, empty where there is none. Never fails. */
  static async open(request, adapter) {
    const list = new ShaderList();
    try {
      list.#name = await nameOf(request, adapter);
      const file = list.#name && (await (await (await folder()).getFileHandle(list.#name)).getFile());
      const read = file && file.size <= MOST_BYTES ? JSON.parse(await file.text()) : [];
      if (Array.isArray(read) && read.length <= MOST_SHADERS && read.every(isShader)) list.shaders = read;
    } catch {
      // none yet, half a one, or no storage here
    }
    return list;
  }

  /** Keeps the shaders of a plan, as well as it goes. */
  async keep(shaders) {
    const text = JSON.stringify(shaders.map(({ name, text, written }) => ({ name, text, written })));
    if (!this.#name || shaders.length > MOST_SHADERS || text === JSON.stringify(this.shaders)) return;
    const bytes = new TextEncoder().encode(text);
    if (bytes.length > MOST_BYTES) return;
    try {
      const files = await folder();
      const access = await (await files.getFileHandle(this.#name, { create: true })).createSyncAccessHandle();
      try {
        access.truncate(0);
        access.write(bytes, { at: 0 });
        access.flush();
      } finally {
        access.close();
      }
      this.shaders = JSON.parse(text);
      await removeOldest(files);
    } catch {
      // no room, or another tab writes it
    }
  }
}
