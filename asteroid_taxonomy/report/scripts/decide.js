// From a spectrum to an answer: the model whose bands it has, its probabilities, and what they mean
// (as onnx_model/classifier.py decides).

const rounded = (share) => Math.round(share * 1e5) / 1e5;
const OF_ASTEROIDS = [0.5, 3], ROUGH = 0.15; // normalised reflectances and median step, as in spectra/predict.py
let models = []; // with compute, in the order of preference: the main one, then the visible one

// complexes that cannot be excluded
function setOf(p, least, snr) {
  const best = p.indexOf(Math.max(...p)), below = least.snr_below;
  const group = Number.isNaN(snr) ? -1 : below?.findIndex((edge) => edge === null || snr < edge);
  return L.classes.filter((name, i) => i === best || (below && p[i] >= (group >= 0
    ? least[name][group] ?? 0 : Math.min(...least[name].map((share) => share ?? 0)))));
}

function decide(probabilities, { threshold, least_probability: least }, snr) {
  const p = probabilities.map(rounded), confidence = Math.max(...p);
  return { p: probabilities, complex: L.classes[p.indexOf(confidence)], confidence,
           abstained: threshold !== null && confidence < threshold, set: setOf(p, least, snr) };
}

// null where no model has its bands; that with most bands of those without missing-data markers, spikes and values unlike an asteroid's
function classify({ values, touched, snr }) {
  const whole = models.filter(({ used }) => used.every((j) => Number.isFinite(values[j])));
  const least = models.at(-1)?.used.map((j) => values[j]) ?? [];
  const steps = least.slice(1).map((v, i) => Math.abs(v - least[i])), rough = median(steps) > ROUGH || Math.max(...steps) === 0;
  const leftOut = ({ used }) => [...used, L.wavelengths_nm.indexOf(L.normalised_at_nm)]
    .filter((j) => rough || touched?.[j] || !within(values[j], OF_ASTEROIDS)).sort((a, b) => a - b);
  const model = whole.find((each) => !leftOut(each).length) ?? whole[0];
  if (!model) return null;
  const [p] = model.compute([values]);
  if (p.some(Number.isNaN)) return null;
  const answer = { model, ...decide(p, model, snr), marks: leftOut(model).map((j) => L.wavelengths_nm[j]) };
  answer.abstained ||= answer.marks.length > 0;
  return answer;
}

// the answer of the catalogue; null where a band that the main model uses is missing
function catalogueAnswer(row) {
  const p = sharesOf("probability", row);
  if (!p) return null;
  return { model: L.models[0], p, complex: L.classes[p.indexOf(Math.max(...p))], confidence: Math.max(...p),
           abstained: table.abstained[row] === 1, set: textOf("complex_set", row).split(" "), marks: [] };
}
