// Run the model in onnxruntime-node: model.onnx spectra.raw probabilities.raw; prints the version.
import {readFileSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';

const ort = createRequire(`${process.cwd()}/`)('onnxruntime-node');
const [model, spectra, probabilities] = process.argv.slice(2);
const values = new Float32Array(new Uint8Array(readFileSync(spectra)).buffer);
const session = await ort.InferenceSession.create(model);
const input = new ort.Tensor('float32', values, [values.length / 16, 16]);
const found = (await session.run({float_input: input})).probabilities;
writeFileSync(probabilities, new Uint8Array(found.data.buffer, found.data.byteOffset,
                                            found.data.byteLength));
console.log(ort.env.versions.node);
