const arrays = { float32: Float32Array, int64: BigInt64Array, int32: Int32Array };

/** Tensors of described inputs [{name, type, dims, least, most}]: numbers evenly between least and most, each time the same. */
export function makeInputs(described) {
  let state = 1;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const make = ({ type, dims, least, most }) => {
    const data = new arrays[type](dims.reduce((product, dim) => product * dim, 1));
    for (let i = 0; i < data.length; i++) {
      const whole = least + Math.floor((most - least + 1) * random());
      data[i] = type === "float32" ? least + (most - least) * random() : type === "int64" ? BigInt(whole) : whole;
    }
    return { type, dims, data };
  };
  return Object.fromEntries(described.map((input) => [input.name, make(input)]));
}
