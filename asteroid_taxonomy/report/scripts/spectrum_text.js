// A spectrum from text, on the bands of the models, as the command `asteroid-taxonomy classify`
// reads it. What the page leaves to the command it refuses, and says so.

const COMMAND = "the command “asteroid-taxonomy classify” reads this";
const NOT_A_NUMBER = new Set(["", "nan", "null", "none", "na", "n/a", "-", "--", "---", "...", "indef", "*", "?",
                              "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"]);
const NUMBER = { ".": /^[-+]?(\d+\.?\d*|\.\d+)([eEdD][-+]?\d+)?$/, ",": /^[-+]?(\d+,?\d*|,\d+)([eEdD][-+]?\d+)?$/ };
const FORMS = [["\t", "."], [";", "."], [",", "."], ["|", "."], [null, "."],
               ["\t", ","], [";", ","], ["|", ","], [null, ","]];
const COMMENT = /^\s*(#|!|;|\/\/|%)/;
const SAME_NM = 0.01, BEYOND_NM = 5, LOW = 0.05, HIGH = 5; // resampling.py and marks.py of spectra/
const USUAL_MARKS = new Set([9, 9.9, 9.99, 9.999, 99, 99.9, 99.99, 99.999, 999, 999.9, 999.99, 999.999,
                             9999, 9999.9, 9999.99, 99999, 999999, 1e20, 1e30].map(Math.fround));

const median = (values) => [...values].sort((a, b) => a - b)[(values.length - 1) >> 1];
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
  const first = best.rows.findIndex(Boolean);
  return { ...best, rows: best.rows.filter(Boolean),
           above: lines.slice(0, first).filter((line) => line.trim()) };
}

const plausible = (values) => {
  const positive = values.filter((v) => v > 0);
  return positive.length > 0 && median(positive) >= 0.2 && median(positive) <= 5;
};
const varies = (values) => new Set(values.filter(Number.isFinite)).size > 2;

// numbers of the columns of wavelength and reflectance
function columnsOf({ separator, width, above }, columns) {
  const header = above.length ? above.at(-1).replace(COMMENT, "").trim() : "";
  const names = (separator === null ? header.match(/[^\s,;([]+(\s*[([][^)\]]*[)\]])?/g) ?? [] : split(header, separator))
    .map((name) => name.toLowerCase());
  const wave = names.flatMap((name, i) => (/^(wave|lambda|wl|wvl|lam\b|nm|um|µm|micron)/.test(name) ? [i] : []));
  const reflectance = names.flatMap((name, i) => (/refl/.test(name) && !/err|unc|sig|std|dev/.test(name) ? [i] : []));
  if (names.length >= 2 && Math.abs(names.length - width) <= 1 && (wave.length || reflectance.length)) {
    if (wave.length === 1 && reflectance.length === 1) return [wave[0], reflectance[0]];
    throw new Error(`Which column is the reflectance is open; ${COMMAND}, or call one column wavelength and one reflectance.`);
  }
  if (columns.some((column) => !column.some(Number.isFinite)))
    throw new Error(`Some columns are text, as of several spectra; ${COMMAND}.`);
  const usable = [...columns.keys()];
  if (usable.length === 2) return usable;
  const [, second, third, fourth = second] = columns;
  if ((plausible(second) && varies(second)) || !(plausible(third) && varies(third))) return [0, 1];
  const widths = new Set(second).size <= Math.max(2, second.length / 2)
    || (columns.length > 3 && median(fourth.filter(Number.isFinite)) < median(third.filter(Number.isFinite)) / 2);
  if (widths) return [0, 2]; // wavelength, band width, reflectance
  throw new Error("The second and the third column could each be the reflectance; write “wavelength reflectance error” above.");
}

// wavelengths in nm, ascending, and reflectances
function pointsIn(text) {
  const table = rowsIn(text), { rows, decimal, width } = table;
  const other = decimal === "." ? "," : ".";
  const ascending = rows[0].map((f) => numberOf(f, decimal)).filter(Number.isFinite);
  if (ascending.length >= 5 && ascending.every((v, i) => !i || v > ascending[i - 1]) && unitOf(ascending))
    throw new Error(`Each row seems to be a spectrum; ${COMMAND}.`);
  const columns = Array.from({ length: width }, (_, i) => rows.map((row) => numberOf(row[i], decimal)));
  const [w, r] = columnsOf(table, columns);
  for (const row of rows)
    for (const field of [row[w], row[r]])
      if (field?.includes(other) && NUMBER[other].test(field))
        throw new Error("Some numbers have decimal commas and some decimal points; write all with one sign.");
  let points = columns[w].map((nm, i) => [nm, columns[r][i]]).filter(([nm]) => nm > 0 && Number.isFinite(nm));
  if (points.length < 2) throw new Error("Fewer than two rows have a wavelength.");
  const unit = unitOf(points.map(([nm]) => nm));
  if (!unit) throw new Error(`The unit of the wavelengths is open: nm, micron or Ångström were expected; with --unit ${COMMAND}.`);
  points = points.map(([nm, value]) => [nm * unit, value]);
  const steps = points.slice(1).map(([nm], i) => Math.sign(nm - points[i][0])).filter(Boolean);
  if (steps.some((step) => step !== steps[0])) {
    const turns = steps.filter((step, i) => i && step !== steps[i - 1]).length;
    throw new Error(`The wavelengths turn back (${turns} ${turns > 1 ? "times" : "time"}): several spectra, or orders that overlap; ${COMMAND}.`);
  }
  if (steps[0] < 0) points.reverse();
  return merged(points);
}

// nm per unit: the median tells micron, nm and Ångström apart
function unitOf(wavelengths) {
  const middle = median(wavelengths);
  if (middle >= 0.3 && middle <= 5) return 1000;
  return middle >= 300 && middle <= 2900 ? 1 : middle > 2900 && middle <= 50000 ? 0.1 : null;
}

// the mean of values at one wavelength; -1, a mark, where they contradict each other
function merged(points) {
  const out = [];
  for (const [nm, value] of points) {
    const last = out.at(-1);
    if (last && nm - last.last < SAME_NM) Object.assign(last, { last: nm, values: [...last.values, value] });
    else out.push({ nm, last: nm, values: [value] });
  }
  if ((points.length - out.length) * 3 > points.length) throw new Error(`Several spectra have the same wavelengths; ${COMMAND}.`);
  return out.map(({ nm, values }) => {
    const known = values.filter((v) => v > 0 && Number.isFinite(v));
    if (values.length === 1 || !known.length) return [nm, values[0]];
    return [nm, Math.max(...known) > 1.5 * Math.min(...known) ? -1 : known.reduce((a, b) => a + b) / known.length];
  });
}

// which values mark what was not measured: at or below 0, or far from the rest of the spectrum
function marked(values) {
  const usual = (v) => USUAL_MARKS.has(Math.fround(v));
  const good = values.filter((v) => Number.isFinite(v) && v > 0 && !usual(v));
  const middle = good.length ? median(good) : NaN;
  return values.map((v) => Number.isFinite(v)
    && (!(v > 0) || v > HIGH * middle || v < LOW * middle || (usual(v) && !good.length)));
}

// weights of the points that give a band's reflectance, as spectra/resampling.py has them; null
// where the points do not cover it
function weights(grid, centre) {
  const half = L.width_nm / 2, out = new Float64Array(grid.length);
  if (!grid.length) return null;
  const away = grid.map((nm) => Math.abs(nm - centre)), nearest = away.indexOf(Math.min(...away));
  const inside = grid.filter((_, i) => away[i] < half);
  const addLine = (nm, share) => {
    const right = grid.findIndex((x) => x > nm);
    const left = Math.max(0, Math.min(grid.length - 2, (right < 0 ? grid.length : right) - 1));
    const along = (nm - grid[left]) / (grid[left + 1] - grid[left]);
    out[left] += share * (1 - along);
    out[left + 1] += share * along;
  };
  if (inside.length <= 1 && away[nearest] < SAME_NM) { out[nearest] = 1; return out; }
  const right = grid.findIndex((x) => x >= centre - SAME_NM);
  const covered = right >= 0 && (Math.abs(grid[right] - centre) <= SAME_NM
    || (right > 0 && grid[right] - grid[right - 1] <= 1.5 * L.width_nm));
  if (!covered && !(inside.length > 1 && away[nearest] <= BEYOND_NM)) return null;
  if (inside.length <= 1) { addLine(centre, 1); return out; }
  const clip = (nm) => Math.max(grid[0], Math.min(grid.at(-1), nm));
  const low = clip(centre - half), high = clip(centre + half);
  const nodes = [...new Set([low, ...inside, high])].sort((a, b) => a - b);
  nodes.forEach((nm, i) => addLine(nm, ((nodes[i + 1] ?? nm) - (nodes[i - 1] ?? nm)) / (2 * (high - low))));
  return out;
}

// the spectrum on the bands, 1 at normalised_at_nm; touched: where a mark was left out of a band
function spectrumIn(text, title) {
  const gap = 1.5 * L.width_nm, bands = L.wavelengths_nm;
  const near = pointsIn(text).filter(([nm]) => nm > bands[0] - gap && nm < bands.at(-1) + gap);
  const marks = marked(near.map(([, value]) => value)), grid = near.map(([nm]) => nm);
  const sound = near.filter(([, value], i) => Number.isFinite(value) && !marks[i]);
  const touched = bands.map((nm) => weights(grid, nm)?.some((weight, i) => weight > 0 && marks[i]) ?? false);
  const values = bands.map((nm) => weights(sound.map(([x]) => x), nm)
    ?.reduce((sum, weight, i) => sum + (weight && weight * sound[i][1]), 0) ?? NaN);
  const at = values[bands.indexOf(L.normalised_at_nm)];
  if (!(at > 0)) throw new Error(`No class: the spectrum has no reflectance above 0 at ${L.normalised_at_nm} nm, where it is normalised to 1.`);
  return { row: null, title, snr: NaN, values: values.map((value) => value / at), touched,
           errors: values.map(() => NaN), flags: values.map(() => L.no_flag) };
}
