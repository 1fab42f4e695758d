// Zoo models with generated weights against the outputs that `accel run NAME --output-dir FOLDER/NAME` wrote: node zoo.mjs VARIANT FOLDER
// NAME…. Prints a line of JSON a model. Inputs are those that both sides make from the same seed.
import { readdirSync } from "node:fs";
import { openModel, readNpy, relativeL2, startEngine } from "./host.mjs";

const [variant, folder, ...names] = process.argv.slice(2);
for (const name of names) {
  const line = { model: name };
  try {
    const model = await openModel(await startEngine(variant), name);
    await model.seed();
    await model.run();
    const outputs = Object.fromEntries(Object.entries(await model.outputs()).map(([output, tensor]) => [output.replaceAll("/", "_"), tensor]));
    const files = readdirSync(`${folder}/${name}`).filter((file) => file.endsWith(".npy"));
    line.distance = Math.max(...files.map((file) => relativeL2(outputs[file.slice(0, -4)]?.data ?? [], readNpy(`${folder}/${name}/${file}`).data)));
  } catch (error) {
    line.error = `${error.status}: ${error.message}`;
  }
  console.log(JSON.stringify(line));
}
