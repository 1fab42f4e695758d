// Every golden of the zoo in one variant: node goldens.mjs VARIANT [packed | as-given] [FILTER]. packed: weights are packed in place, and one run before the
// case's own was at other shapes, where the model takes them. Prints a line of JSON a case.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { openModel, readNpy, relativeL2, runModel, startEngine } from "./host.mjs";

const zoo = new URL("../golden/zoo", import.meta.url).pathname;
const [variant, weights = "as-given", filter = ""] = process.argv.slice(2);
const cases = JSON.parse(readFileSync(join(zoo, "cases.json"))).filter(({ folder, outputs }) => folder.includes(filter) && outputs.some((name) => name !== "generated_ids"));

function filesOf(folder) {
  const files = {};
  const walk = (path, name) => {
    for (const entry of readdirSync(path)) {
      const below = join(path, entry);
      if (statSync(below).isDirectory()) { if (!/^case\d+$/.test(entry)) walk(below, `${name}/${entry}`); }
      else files[`${name}/${entry}`] = readFileSync(below);
    }
  };
  walk(join(zoo, folder), "model");
  return files;
}

/** A run of a batch of two; false: the model takes none. */
async function otherShapes(model, feeds) {
  const twice = Object.entries(feeds).map(([name, { type, dims, data }]) => {
    const both = new data.constructor(2 * data.length);
    both.set(data);
    both.set(data, data.length);
    return [name, { type, dims: [2 * dims[0], ...dims.slice(1)], data: both }];
  });
  try {
    await runModel(model, Object.fromEntries(twice));
    return true;
  } catch (error) {
    return error.message;
  }
}

let open = null;
for (const { folder, case: name, data, inputs, outputs, tolerance } of cases) {
  const line = { case: `${folder}/${name}`, tolerance };
  try {
    if (open?.folder !== folder) open = { folder, model: await openModel(await startEngine(variant), "model", filesOf(folder), { packInPlace: weights === "packed" }) };
    const feeds = Object.fromEntries(inputs.map((input) => [input, readNpy(join(zoo, data, "inputs", `${input}.npy`))]));
    if (weights === "packed") line.before = await otherShapes(open.model, feeds);
    const got = await runModel(open.model, feeds);
    line.distance = Math.max(...outputs.filter((output) => existsSync(join(zoo, data, "outputs", `${output}.npy`)) && output !== "generated_ids").map((output) =>
      got[output] ? relativeL2(got[output].data, readNpy(join(zoo, data, "outputs", `${output}.npy`)).data) : Infinity));
  } catch (error) {
    line.error = `${error.status}: ${error.message}`;
  }
  console.log(JSON.stringify(line));
}
