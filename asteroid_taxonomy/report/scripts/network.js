// The network of an ONNX file, computed here. Tensors are { dims, data } with two dimensions at
// most; as in onnxruntime, what an operator gives is rounded to float32.

const bytesOf = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
const shapeOf = ({ dims }) => (dims.length < 2 ? [1, dims[0] ?? 1] : dims);
const tensor = (rows, columns) => ({ dims: [rows, columns], data: new Float32Array(rows * columns) });

function elementwise(compute, ...operands) {
  return operands.reduce((a, b) => {
    const [aRows, aColumns] = shapeOf(a), [bRows, bColumns] = shapeOf(b);
    const out = tensor(Math.max(aRows, bRows), Math.max(aColumns, bColumns));
    const [rows, columns] = out.dims;
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++)
        out.data[r * columns + c] = compute(
          a.data[(aRows > 1 ? r : 0) * aColumns + (aColumns > 1 ? c : 0)],
          b.data[(bRows > 1 ? r : 0) * bColumns + (bColumns > 1 ? c : 0)]);
    return out;
  });
}

function matMul(a, b) {
  const [rows, inner] = shapeOf(a), columns = shapeOf(b)[1], out = tensor(rows, columns);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += a.data[r * inner + k] * b.data[k * columns + c];
      out.data[r * columns + c] = sum;
    }
  return out;
}

function softmax(a) {
  const [rows, columns] = shapeOf(a), out = tensor(rows, columns);
  for (let r = 0; r < rows; r++) {
    const row = Array.from(a.data.subarray(r * columns, (r + 1) * columns));
    const highest = Math.max(...row), powers = row.map((x) => Math.exp(x - highest));
    const sum = powers.reduce((x, y) => x + y);
    powers.forEach((x, c) => { out.data[r * columns + c] = x / sum; });
  }
  return out;
}

function concat(...parts) {
  const rows = shapeOf(parts[0])[0], widths = parts.map((part) => shapeOf(part)[1]);
  const columns = widths.reduce((x, y) => x + y), out = tensor(rows, columns);
  for (let r = 0, place = 0; r < rows; r++)
    parts.forEach((part, i) => {
      out.data.set(part.data.subarray(r * widths[i], (r + 1) * widths[i]), place);
      place += widths[i];
    });
  return out;
}

function slice(a, [start], [end], [axis], [step] = [1]) {
  const [rows, columns] = shapeOf(a);
  if ((axis !== 1 && axis !== -1) || step !== 1) throw new Error("a Slice of rows, or with steps");
  const place = (x) => Math.max(0, Math.min(columns, x < 0 ? x + columns : x));
  const out = tensor(rows, Math.max(0, place(end) - place(start)));
  for (let r = 0; r < rows; r++)
    out.data.set(a.data.subarray(r * columns + place(start), r * columns + place(end)),
                 r * out.dims[1]);
  return out;
}

const each = (compute) => (a) => ({ dims: a.dims, data: a.data.map(compute) });
const sum = (...operands) => elementwise((x, y) => x + y, ...operands);
const operators = {
  Add: sum, Sum: sum, Concat: concat, MatMul: matMul, Slice: slice, Softmax: softmax,
  Sub: (a, b) => elementwise((x, y) => x - y, a, b),
  Mul: (a, b) => elementwise((x, y) => x * y, a, b),
  Div: (a, b) => elementwise((x, y) => x / y, a, b),
  Mean: (...operands) => each((x) => x / operands.length)(sum(...operands)),
  Relu: each((x) => Math.max(x, 0)), Tanh: each(Math.tanh), Identity: (a) => a,
  Sigmoid: each((x) => 1 / (1 + Math.exp(-x))),
};

// graph: as report/network.py gives it; the result takes an array of spectra, NaN where not measured
function networkOf(graph) {
  const weights = new Float32Array(bytesOf(graph.weights).buffer), constants = {};
  for (const [name, value] of Object.entries(graph.constants)) {
    const [dims, place] = value;
    constants[name] = !Array.isArray(dims) ? value
      : { dims, data: weights.subarray(place, place + dims.reduce((x, y) => x * y, 1)) };
  }
  return (spectra) => {
    const values = { ...constants };
    values[graph.input] = { dims: [spectra.length, spectra[0].length],
                            data: Float32Array.from(spectra.flat()) };
    for (const [operator, inputs, [output]] of graph.nodes)
      values[output] = operators[operator](...inputs.map((name) => values[name]));
    const [rows, columns] = values[graph.output].dims, { data } = values[graph.output];
    return Array.from({ length: rows },
                      (_, r) => Array.from(data.subarray(r * columns, (r + 1) * columns)));
  };
}
