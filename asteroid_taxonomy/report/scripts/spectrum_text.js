// A spectrum from text, on the bands of the models, as the command `asteroid-taxonomy classify`
// reads it. It rejects formats that only the command can read.

const COMMAND = "the command “asteroid-taxonomy classify” reads this";
const NOT_A_NUMBER = new Set(["", "nan", "null", "none", "na", "n/a", "-", "--", "---", "...", "indef", "*", "?",
                              "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"]);
const NUMBER = { ".": /^[-+]?(\d+\.?\d*|\.\d+)([eEdD][-+]?\d+)?$/, ",": /^[-+]?(\d+,?\d*|,\d+)([eEdD][-+]?\d+)?$/ };
const FORMS = [["\t", "."], [";", "."], [",", "."], ["|", "."], [null, "."],
               ["\t", ","], [";", ","], ["|", ","], [null, ","]];
const COMMENT = /^\s*(#|!|;|\/\/|%)/;
// as in spectra/resample.py and spectra/columns.py, which say why
const SAME_NM = 0.01, BEYOND_NM = 5, CONTRADICTION = 1.5, TWICE_FACTOR = 1.02, TWICE_SHARE = 0.12, LEAST_POINTS = 4;
const NOISE = 0.08, JUMP = 0.1, JUMP_SIGMAS = 7, JUMP_NM = 25;
const HIGH = 5, LOW = 0.05, SPIKE_NM = 80, SPIKE = 0.25, SPIKE_COARSE = 0.5, FINE_POINTS = 9, SPIKE_SIGMA = 6, SPIKE_IN_BAND = 0.02;
const AROUND_1 = [0.2, 5];
const USUAL_MARKS = new Set([9, 9.9, 9.99, 9.999, 99, 99.9, 99.99, 99.999, 999, 999.9, 999.99, 999.999,
                             9999, 9999.9, 9999.99, 99999, 999999, 1e20, 1e30].map(Math.fround));

const sorted = (values) => [...values].sort((a, b) => a - b);
const lowerMedian = (values) => sorted(values)[(values.length - 1) >> 1] ?? NaN;
const median = (values) => (lowerMedian(values) + (sorted(values)[values.length >> 1] ?? NaN)) / 2;
const positive = (values) => values.filter((v) => v > 0 && Number.isFinite(v));
const within = (value, [low, high]) => value >= low && value <= high;
const split = (line, separator) => (separator === null ? line.trim().split(/\s+/)
  : line.split(separator).map((field) => field.trim().replace(/^"|"$/g, "")));
const numberOf = (field, decimal) => (NUMBER[decimal].test(field ?? "")
  ? Number(field.replace(",", ".").replace(/d/i, "e")) : NaN);

// separator and decimal sign under which most fields are numbers, and the rows
function rowsIn(text) {
  if (/[\0<]/.test(text.slice(0, 1000))) throw new Error(`This is not a plain text table; ${COMMAND}, and FITS and VOTable.`);
  const lines = text.replaceAll("﻿", "").split(/\r\n|\r|\n/);
  let best = { score: 0 };
  for (const [separator, decimal] of FORMS) {
    const scores = new Map();
    const rows = lines.map((line) => {
      if (!line.trim() || (COMMENT.test(line) && line.trim()[0] !== separator)) return null;
      const fields = split(line, separator), numbers = fields.filter((f) => NUMBER[decimal].test(f)).length;
      const known = numbers + fields.filter((f) => NOT_A_NUMBER.has(f.toLowerCase())).length;
      if (fields.length < 2 || !numbers || known < 2) return null;
      scores.set(fields.length, (scores.get(fields.length) ?? 0) + known / fields.length);
      return fields;
    });
    for (const [width, score] of scores)
      if (score > best.score + 1e-9)
        best = { score, separator, decimal, width, rows: rows.map((f) => f && Math.abs(f.length - width) <= 2 && f) };
  }
  if (!best.score) throw new Error("No line has two numbers; two columns were expected, wavelength and reflectance.");
  const first = best.rows.findIndex(Boolean), other = best.decimal === "." ? "," : ".";
  if (lines.some((line, i) => i > first && !COMMENT.test(line)
      && split(line, best.separator).some((field) => field.includes(other) && NUMBER[other].test(field))))
    throw new Error("Some numbers have decimal commas and others decimal points; use only one of them.");
  return { ...best, rows: best.rows.filter(Boolean),
           above: lines.slice(0, first).filter((line) => line.trim()) };
}

const varies = (values) => new Set(positive(values)).size > 2;
const around1 = (values) => within(median(positive(values)), AROUND_1);
// flags or numbers of images: whole numbers, or one value
const counts = (values) => new Set(positive(values)).size <= 1 || positive(values).every(Number.isInteger);

// whether all words of a name, but for units and a few others, are "reflectance"; 1/reflectance is none
const BESIDE = new Set("relative rel normalised normalized norm spectral spectrum mean factor value at to unitless nm um µm micron microns".split(" "));
function isReflectance(name) {
  const words = (name.match(/\p{L}+/gu) ?? []).filter((word) => !BESIDE.has(word));
  return !/^\s*\d/.test(name) && words.length > 0 && words.every((word) => /^refl(ec|ect|ectances?|ectivity)?$/.test(word));
}

// numbers of the columns of wavelength and reflectance
function columnsOf({ separator, width, above, rows }, columns) {
  const last = above.at(-1) ?? "", header = last.replace(COMMENT, "").trim();
  const names = (separator === null ? header.match(/[^\s,;([]+(\s*[([][^)\]]*[)\]])?/g) ?? [] : split(header, separator))
    .map((name) => name.toLowerCase());
  const of = (pattern, not) => names.flatMap((name, i) => (pattern.test(name) && !not.test(name) ? [i] : []));
  const wave = of(/^(wave|lambda|wl|wvl|lam\b|nm|um|µm|micron)/, /width/);
  const reflectance = names.flatMap((name, i) => (isReflectance(name) ? [i] : []));
  if (names.length === width && wave.length === 1 && reflectance.length === 1)
    return [wave[0], reflectance[0]];
  const named = names.length === width && names.every((name) => !NUMBER["."].test(name));
  if (named || above.some((line) => /[a-z]{2}/i.test(line)))
    throw new Error(`It is unclear which column is the reflectance; ${COMMAND}, or name the columns wavelength and reflectance.`);
  if (columns.some((column, i) => !column.some(Number.isFinite)
      && rows.some((row) => !NOT_A_NUMBER.has((row[i] ?? "").toLowerCase()))))
    throw new Error(`Some columns contain text, as in a table of several spectra; ${COMMAND}.`);
  const [wavelength, ...more] = [...columns.keys()].filter((i) => positive(columns[i]).length);
  if (!more.length) throw new Error("Fewer than two columns have numbers above 0.");
  const measured = more.filter((i) => !counts(columns[i])), others = measured.length ? measured : more;
  const middle = others.map((i) => median(positive(columns[i]))), second = columns[others[0]];
  const likely = others.map((i) => around1(columns[i]) && varies(columns[i]));
  const isWidth = likely[1] && !likely[0] && (new Set(positive(second)).size <= Math.max(2, second.length / 2) || middle[2] < middle[1] / 2);
  const at = isWidth ? 1 : 0, rest = middle.slice(at + 1).map((m) => m / middle[at]);
  if (rest.length > 2 || rest.some((share) => share >= 0.5 && share < 20) || (!likely[at] && likely.includes(true)))
    throw new Error("Several columns could be the reflectance; write “wavelength reflectance error” above.");
  const pairs = columns[wavelength].map((nm, i) => [nm, columns[others[at]][i]]).filter(([nm]) => Number.isFinite(nm));
  refuseSeveral(pairs);
  if (pairs.length < LEAST_POINTS) throw new Error("The spectrum has fewer than four points.");
  if (!varies(positive(pairs.map(([, value]) => value))) || !around1(pairs.map(([, value]) => value)))
    throw new Error(`The second column is not around 1; write “wavelength reflectance error” above if it is the reflectance; ${COMMAND}.`);
  return [wavelength, others[at]];
}

// wavelengths in nm, ascending, and reflectances
function pointsIn(text) {
  const table = rowsIn(text), { rows, decimal, width } = table;
  const ascending = rows[0].map((f) => numberOf(f, decimal)).filter(Number.isFinite);
  if (ascending.length >= 5 && ascending.every((v, i) => !i || v > ascending[i - 1]) && unitOf(ascending))
    throw new Error(`Each row seems to be a spectrum; ${COMMAND}.`);
  const columns = Array.from({ length: width }, (_, i) => rows.map((row) => numberOf(row[i], decimal)));
  const [w, r] = columnsOf(table, columns);
  let points = columns[w].map((nm, i) => [nm, columns[r][i]]).filter(([nm]) => nm > 0 && Number.isFinite(nm));
  if (points.length < 2) throw new Error("Fewer than two rows have a wavelength.");
  if (points.length > 20000) throw new Error(`The spectrum has more than 20,000 points; ${COMMAND}.`);
  const unit = unitOf(points.map(([nm]) => nm));
  if (!unit) throw new Error(`The unit of the wavelengths is unclear (expected nm, micron or Ångström); with --unit, ${COMMAND}.`);
  points = points.map(([nm, value]) => [nm * unit, value]);
  refuseSeveral(points);
  return merged(points.sort((a, b) => a[0] - b[0]));
}

// rows that go through the same wavelengths more than once, and do not only overlap
function refuseSeveral(points) {
  const nm = points.filter(([, value]) => value > 0).map(([x]) => x), way = nm.slice(1).map((x, i) => Math.sign(x - nm[i]));
  const back = way.reduce((a, b) => a + b, 0) > 0 ? -1 : 1, turns = way.flatMap((w, i) => (w === back ? [i + 1] : []));
  if (nm.length < LEAST_POINTS * (turns.length + 1)) return; // in no order
  let now = nm.slice(0, turns[0]);
  turns.forEach((from, i) => {
    const part = nm.slice(from, turns[i + 1]), [one, other] = [now, part].map((each) => [Math.min(...each), Math.max(...each)]);
    const both = [Math.max(one[0], other[0]), Math.min(one[1], other[1])];
    if ([now, part].every((each) => each.filter((x) => within(x, both)).length >= LEAST_POINTS)
        && both[1] - both[0] >= 0.5 * Math.min(one[1] - one[0], other[1] - other[0]))
      throw new Error(`The wavelengths start again, as in a file with several spectra; ${COMMAND}.`);
    now = [...now, ...part];
  });
}

// nm per unit: the median distinguishes micron, nm and Ångström
function unitOf(wavelengths) {
  const middle = median(wavelengths);
  if (middle >= 0.3 && middle <= 5) return 1000;
  return middle >= 300 && middle <= 2900 ? 1 : middle > 2900 && middle <= 50000 ? 0.1 : null;
}

// the mean of values at one wavelength; -1, a missing-data marker, where they contradict each other
function merged(points) {
  const out = [];
  for (const [nm, value] of points) {
    const last = out.at(-1);
    if (last && nm - last.last < SAME_NM) Object.assign(last, { last: nm, values: [...last.values, value] });
    else out.push({ nm, last: nm, values: [value] });
  }
  const differ = out.filter(({ values }) => Math.max(...positive(values)) > TWICE_FACTOR * Math.min(...positive(values)));
  if (differ.length > TWICE_SHARE * out.length) throw new Error(`Several spectra have the same wavelengths; ${COMMAND}.`);
  return out.map(({ nm, values }) => {
    const known = positive(values);
    if (values.length === 1 || !known.length) return [nm, values[0]];
    return [nm, Math.max(...known) > CONTRADICTION * Math.min(...known) ? -1 : known.reduce((a, b) => a + b) / known.length];
  });
}

// which values are missing-data markers: at or below 0, or far from the rest of the spectrum
function marked(values) {
  const usual = (v) => USUAL_MARKS.has(Math.fround(v)), often = values.filter(usual).length >= 3, middle = lowerMedian(positive(values).filter((v) => !usual(v)));
  return values.map((v) => Number.isFinite(v)
    && (!(v > 0) || v > HIGH * middle || v < LOW * middle || (usual(v) && (often || Number.isNaN(middle)))));
}

// how far spikes among values (NaN where there is none) are from the running median, 0 for others
function spikes(grid, values) {
  const none = values.map(() => 0), there = (v) => !Number.isNaN(v);
  if (grid.length < 3) return none;
  const step = median(grid.slice(1).map((nm, i) => nm - grid[i]));
  const half = Math.max(Math.round(SPIKE_NM / step), 4) >> 1, least = 2 * half + 1 >= FINE_POINTS ? SPIKE : SPIKE_COARSE;
  const known = values.filter(there);
  if (!known.some((v, i) => i && Math.abs(v - known[i - 1]) > least / 2 * v)) return none; // a spike begins with a jump
  const off = values.map((v, i) => Math.abs(
    v / median(values.slice(Math.max(0, i - half), i + half + 1).filter(there)) - 1));
  const limit = Math.max(least, SPIKE_SIGMA * 1.4826 * median(off.filter(there)));
  const outer = (i) => 2 * half + 1 < FINE_POINTS && (i < 2 || i >= off.length - 2); // known to be off in Gaia's spectra
  return off.map((away, i) => (away > limit && !outer(i) ? away : 0));
}

// where a spectrum jumps from one scale to another, or scatters; nowhere with less than 1.7 points to a band
function unsteady(grid, values) {
  const step = median(grid.slice(1).map((nm, i) => nm - grid[i])), known = (list) => list.filter((v) => !Number.isNaN(v));
  if (grid.length < 3 || step > 0.6 * L.width_nm) return values.map(() => false);
  const middle = median(positive(values)), n = Math.max(Math.round(JUMP_NM / step), 2);
  const off = sorted(known(values.slice(1, -1).map((value, i) => Math.abs(value - (values[i] + values[i + 2]) / 2))));
  const at = 0.9 * (off.length - 1), low = off[Math.floor(at)];
  if (low + (at % 1) * (off[Math.ceil(at)] - low) > NOISE * middle) return values.map(() => true);
  const steps = values.map((value, i) => value - values[i - 1]);
  const least = Math.max(JUMP * middle, JUMP_SIGMAS * 1.4826 * median(known(steps).map(Math.abs)));
  return steps.map((change, i) => Math.abs(change) > least && Math.sign(change) * (
    median(known(values.slice(i, i + n))) - median(known(values.slice(Math.max(0, i - n), i)))) > least);
}

// weights of the points that give a band's reflectance, as spectra/resample.py has them; null
// where the points do not cover it
function weights(grid, centre) {
  const half = L.width_nm / 2, away = grid.map((nm) => Math.abs(nm - centre));
  const inside = grid.filter((_, i) => away[i] < half), right = grid.findIndex((x) => x >= centre - SAME_NM);
  const covered = right >= 0 && (grid[right] - centre <= SAME_NM
    || (right > 0 && grid[right] - grid[right - 1] <= 1.5 * L.width_nm));
  if (grid.length < 2 || (!covered && !(inside.length > 1 && Math.min(...away) <= BEYOND_NM))) return null;
  const out = new Float64Array(grid.length), addLine = (nm, share) => {
    const next = grid.findIndex((x) => x > nm);
    const left = Math.max(0, Math.min(grid.length - 2, (next < 0 ? grid.length : next) - 1));
    const along = (nm - grid[left]) / (grid[left + 1] - grid[left]);
    out[left] += share * (1 - along);
    out[left + 1] += share * along;
  };
  if (inside.length <= 1) { addLine(centre, 1); return out; }
  const clip = (nm) => Math.max(grid[0], Math.min(grid.at(-1), nm));
  const low = clip(centre - half), high = clip(centre + half);
  const nodes = sorted(new Set([low, ...inside, high]));
  nodes.forEach((nm, i) => addLine(nm, ((nodes[i + 1] ?? nm) - (nodes[i - 1] ?? nm)) / (2 * (high - low))));
  return out;
}

// the spectrum on the bands, 1 at normalised_at_nm; touched: where a missing-data marker or a spike was ignored, or it jumps or scatters
function spectrumIn(text, title) {
  const gap = 1.5 * L.width_nm, bands = L.wavelengths_nm, all = pointsIn(text), marks = marked(all.map(([, value]) => value));
  const near = all.map(([nm, value], i) => ({ nm, mark: marks[i], value: marks[i] || !Number.isFinite(value) ? NaN : value }))
    .filter(({ nm }) => nm > bands[0] - gap && nm < bands.at(-1) + gap);
  const grid = near.map(({ nm }) => nm), odd = spikes(grid, near.map(({ value }) => value));
  const jumps = unsteady(grid, near.map(({ value }) => value));
  const sound = near.filter(({ value }, i) => !Number.isNaN(value) && !odd[i]), soundGrid = sound.map(({ nm }) => nm);
  const touched = bands.map((nm) => {
    const shares = weights(grid, nm) ?? [];
    return shares.some((share, i) => share > 0 && (near[i].mark || jumps[i]))
      || shares.reduce((sum, share, i) => sum + share * odd[i], 0) > SPIKE_IN_BAND;
  });
  const values = bands.map((nm) => weights(soundGrid, nm)
    ?.reduce((sum, weight, i) => sum + (weight && weight * sound[i].value), 0) ?? NaN);
  const at = values[bands.indexOf(L.normalised_at_nm)], measured = all.flatMap(([nm, v], i) => (marks[i] || !Number.isFinite(v) ? [] : [nm]));
  const needed = L.models.at(-1).used.map((j) => bands[j]), ends = (nm) => `${Math.round(nm[0])}-${Math.round(nm.at(-1))} nm`;
  if (!(at > 0) && (measured[0] > needed[0] || measured.at(-1) < needed.at(-1)))
    throw new Error(`Not classified: the spectrum covers ${ends(measured)}; ${ends(needed)} are needed.`);
  if (!(at > 0)) throw new Error(`Not classified: the spectrum has no reflectance above 0 at ${L.normalised_at_nm} nm, where it is normalised to 1.`);
  return { row: null, title, snr: NaN, values: values.map((value) => value / at), touched,
           errors: values.map(() => NaN), flags: values.map(() => L.no_flag) };
}
