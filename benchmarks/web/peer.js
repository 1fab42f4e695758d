// ONNX Runtime Web in a worker, by its documented settings for speed: SIMD and threads, all optimisations of the graph, no proxy.
import { feedsOf, importPeer, openSession } from "./peer_session.js";

let ort, session, feeds;

const jobs = {
  async open({ model, inputs, threads, platform }) {
    ort = await importPeer(platform);
    session = await openSession(ort, model, threads, platform);
    feeds = feedsOf(ort, inputs);
    await session.run(feeds);
    return `${ort.env.versions.web}, ${ort.env.wasm.numThreads}`;
  },
  async sample({ duration_ms }) {
    const samples = [], end = performance.now() + duration_ms;
    let before = performance.now();
    do {
      await session.run(feeds);
      const now = performance.now();
      samples.push(now - before);
      before = now;
    } while (before < end);
    return samples;
  },
  async outputs() {
    return Object.fromEntries(Object.entries(await session.run(feeds)).map(([name, { data }]) => [name, data]));
  },
};

self.onmessage = async ({ data }) => {
  try {
    self.postMessage({ result: await jobs[data.do](data) });
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
};
