// A spectrum of one's own: two columns of text, brought to the bands of the model.

// pairs of wavelength in nm and reflectance, ascending; lines without two numbers are left out
function pairsIn(text) {
  const pairs = [];
  for (const line of text.slice(0, 5e6).split(/\r\n|\r|\n/)) {
    const [nm, value] = line.replaceAll("\"", " ").trim().split(/[\s,;|]+/).map(Number);
    // -1, 0, 99.99 and the like stand for what was not measured
    if (Number.isFinite(nm) && value > 0 && value < 90) pairs.push([nm, value]);
  }
  if (pairs.length < 2) throw new Error("Two columns were expected, wavelength and reflectance, "
    + `but ${pairs.length ? "one line" : "no line"} has two numbers.`);
  const middle = pairs.map(([nm]) => nm).sort((a, b) => a - b)[pairs.length >> 1];
  const unit = middle < 30 ? 1000 : middle > 3000 ? 0.1 : 1; // micron, Angstrom, nm
  return pairs.map(([nm, value]) => [nm * unit, value]).sort((a, b) => a[0] - b[0]);
}

function lineAt(pairs, nm) {
  const next = pairs.findIndex((pair) => pair[0] >= nm);
  if (next < 0) return NaN;
  const [x1, y1] = pairs[next], [x0, y0] = pairs[Math.max(0, next - 1)];
  if (x1 === nm) return y1;
  return next === 0 || x1 - x0 > 1.5 * L.width_nm ? NaN : y0 + (y1 - y0) * (nm - x0) / (x1 - x0);
}

// of each band: the mean of the straight lines over it, or their value at its centre where a band
// holds one point or none; NaN outside, and across gaps of more than one and a half bands
function inBands(pairs) {
  return L.wavelengths_nm.map((nm) => {
    const inside = pairs.filter(([x]) => Math.abs(x - nm) < L.width_nm / 2);
    const centre = lineAt(pairs, nm);
    if (inside.length < 2 || Number.isNaN(centre)) return centre;
    const ends = [nm - L.width_nm / 2, nm + L.width_nm / 2].map((x) => [x, lineAt(pairs, x)]);
    const points = [ends[0], ...inside, ends[1]].filter(([, y]) => !Number.isNaN(y));
    let area = 0;
    for (let i = 1; i < points.length; i++)
      area += (points[i][0] - points[i - 1][0]) * (points[i][1] + points[i - 1][1]) / 2;
    return area / (points.at(-1)[0] - points[0][0]);
  });
}

function spectrumIn(text, title) {
  const pairs = pairsIn(text), one = lineAt(pairs, L.normalised_at_nm);
  const values = inBands(pairs), at = values[L.wavelengths_nm.indexOf(L.normalised_at_nm)] ?? one;
  if (!(at > 0)) throw new Error(`The spectrum has no reflectance at ${L.normalised_at_nm} nm, where `
    + "it is to be 1.");
  return { row: null, title, snr: NaN, values: values.map((value) => value / at),
           errors: values.map(() => 0), flags: values.map(() => L.no_flag) };
}
