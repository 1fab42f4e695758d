// The engine in Node, without workers: what a page's worker does with it, for tests.
import { readFileSync } from "node:fs";
import { Engine } from "../../web/package/engine.js";
import { NativeModel } from "../../web/package/native.js";

const folder = process.env.ACCEL_WEB_FOLDER ?? new URL("../../build/web/package", import.meta.url).pathname;

export async function startEngine(variant = "baseline") {
  return Engine.start(await WebAssembly.compile(readFileSync(`${folder}/accel-${variant}.wasm`)), variant.endsWith("-threads"));
}

/** files: bytes by name. */
export async function openModel(engine, reference, files = {}, { threads = 1, precision = "fp32", packInPlace = false, ...shapes } = {}) {
  engine.call("page_pack_in_place", packInPlace ? 2 : 1);
  for (const [name, bytes] of Object.entries(files)) engine.do("page_add_file", name, engine.put(bytes), bytes.length);
  engine.do("page_open", reference, threads, precision);
  const model = new NativeModel(engine);
  await model.prepare(shapes);
  return model;
}

export async function runModel(model, feeds) {
  await model.bind(feeds);
  await model.run();
  return model.outputs();
}

const arrays = {
  "<f4": ["float32", Float32Array], "<f8": ["float64", Float64Array], "<f2": ["float16", Uint16Array], "<i8": ["int64", BigInt64Array],
  "<i4": ["int32", Int32Array], "<i2": ["int16", Int16Array], "|i1": ["int8", Int8Array], "<u8": ["uint64", BigUint64Array],
  "<u4": ["uint32", Uint32Array], "<u2": ["uint16", Uint16Array], "|u1": ["uint8", Uint8Array], "|b1": ["bool", Uint8Array],
};

/** A tensor from a .npy file as numpy.save writes it. */
export function readNpy(path) {
  const bytes = readFileSync(path);
  const length = bytes.readUInt16LE(8);
  const header = bytes.toString("latin1", 10, 10 + length);
  const [type, array] = arrays[/'descr': '([^']+)'/.exec(header)[1]];
  const dims = (/'shape': \(([^)]*)\)/.exec(header)[1].match(/\d+/g) ?? []).map(Number);
  const body = bytes.subarray(10 + length);
  return { type, dims, data: new array(new Uint8Array(body).buffer) };
}

/** |a - b| / |b| over all elements but those where the reference b is NaN. */
export function relativeL2(a, b) {
  let difference = 0, size = 0;
  if (a.length !== b.length) return Infinity;
  for (let i = 0; i < b.length; i++) {
    const x = Number(a[i]), y = Number(b[i]);
    if (Number.isNaN(y)) continue;
    difference += (x - y) ** 2;
    size += y ** 2;
  }
  return Math.sqrt(size > 0 ? difference / size : difference);
}
