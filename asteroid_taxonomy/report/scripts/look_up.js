// The description of a spectrum: from the catalogue, edited, or the user's own.

const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)}%`;
const listed = (words, and = "and") => words.join(", ").replace(/, ([^,]*)$/, ` ${and} $1`);
const flagNames = ["good", "suspect", "bad"];

function status(...content) { $("status").replaceChildren(...content); }

function element(tag, content, attributes = {}) {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...[content].flat());
  return made;
}

function fill(table, rows) {
  table.replaceChildren(...rows.map((cells) => element("tr", cells.map((cell) => element(
    "td", cell, { className: /^[-\d.,% ]+$/.test(cell) ? "n" : "" })))));
}

const buttonFor = (row, more = "") => element("button", titleOf(row) + more, {
  type: "button", className: "chip", onclick: () => show(row) });

function showProbabilities(p, spread) {
  fill($("probabilities"), (p ?? []).map((share, i) => [
    element("span", L.classes[i], { title: L.meanings[i] }), percent(share, 1),
    element("small", spread ? `± ${(100 * spread[i]).toFixed(1)}` : "", {
      title: "Standard deviation over the networks of the ensemble" }),
    element("span", "", { className: "bar",
                          style: `width:${100 * share}%;background:${L.colours[i]}` })]));
}

const nmOf = (bands) => `${listed(bands.map((j) => L.wavelengths_nm[j]))} nm`;

function verdict(answer, { values, flags, used }) {
  const out = [], many = answer?.marks.length > 1;
  if (!answer) {
    const missing = used.filter((j) => Number.isNaN(values[j]));
    return missing.length ? `Not classified: there is no reflectance at ${nmOf(missing)}.` : "Not classified.";
  }
  out.push(`Most probable complex: ${answer.complex}.`);
  if (answer.marks.length >= used.length) out.push("Treat it as unknown: the spectrum is too jagged for an asteroid.");
  else if (answer.marks.length) out.push(`Treat it as unknown: at ${listed(answer.marks)} nm, ${many
    ? "bands that the model uses, missing-data markers or spikes were ignored, or the values jump or are"
    : "a band that the model uses, a missing-data marker or a spike was ignored, or the value jumps or is"} implausible for an asteroid.`);
  else if (answer.abstained) out.push(`Below the confidence threshold of ${answer.model.threshold}: treat it as unknown.`);
  out.push(answer.set.length > 1 ? `At ${percent(L.coverage)} coverage ${listed(answer.set, "and")} cannot be excluded.`
    : `At ${percent(L.coverage)} coverage only ${answer.set[0]} remains.`);
  if (answer.model !== L.models[0]) out.push(`Classified with the visible model (${nmOf([used[0]]).replace(" nm", "")} to `
    + `${nmOf([used.at(-1)])}): a band of the main model is missing.`);
  const bad = used.filter((j) => flags[j] === 2);
  if (bad.length) out.push(`${L.survey} flags ${nmOf(bad)} as bad, which the model uses.`);
  return out.join(" ");
}

function facts(row) {
  const out = [], literature = textOf("literature_class", row), likely = textOf("class", row);
  const [precision, recall] = L.precision_recall[likely] ?? [];
  const expected = table.expected[row], share = (stored) => percent(stored * L.fine_step);
  if (table.faint[row]) out.push(`Faint: below an S/N of ${L.faint_snr} the survey's spectra are biased, not only noisy, so the `
    + "accuracy is lower than the probabilities suggest.");
  if (expected !== L.unknown) out.push(`Expected accuracy at this confidence and S/N: ${share(expected)}.`);
  if (likely) out.push(`Most probable class: ${likely} (${share(table.class_probability[row])})`
    + (precision === undefined ? "." : `; purity (precision) ${percent(precision)}, completeness (recall) ${percent(recall)} `
      + "in cross-validation."));
  out.push(literature ? `Class in the literature: ${literature} (${L.labels}).` : `No class in the ${L.labels}.`);
  if (table.in_training[row]) out.push("In the training set. The probabilities shown are out of fold: from models that were "
    + "not trained on this asteroid.");
  out.push(`S/N ${table.snr[row].toFixed(1)}.`);
  return out;
}

function showValues({ values, errors, flags, used }) {
  fill($("value-rows"), L.wavelengths_nm.map((nm, j) => [String(nm),
    ...(Number.isNaN(values[j]) ? ["not measured", ""]
      : [values[j].toFixed(3), Number.isNaN(errors[j]) ? "" : errors[j].toFixed(4)]),
    flagNames[flags[j]] ?? "", used.includes(j) ? "yes" : "no"]));
}

function showNeighbours(values, besides) {
  const rows = L.models[0].used.every((j) => !Number.isNaN(values[j])) ? neighbours(values, besides) : [];
  $("neighbours").replaceChildren(...rows.map((row) => {
    const literature = textOf("literature_class", row);
    return buttonFor(row, `: ${catalogueAnswer(row)?.complex ?? "–"}${literature ? `, literature ${literature}` : ""}`);
  }));
  $("h-neighbours").hidden = !rows.length;
}

function show(row, note = "") {
  take(spectrumOf(row));
  setHash(encodeURIComponent(table.number[row] || table.name[row]));
  status(note || `${titleOf(row)} is shown.`);
}

// where nothing is found, nothing is shown
function lookUp(query) {
  let close = beginningWith(query, 6);
  const { row = close.length === 1 ? close[0] : undefined, note } = find(query);
  if (row !== undefined) return show(row, note);
  forget();
  if (!close.length) close = spelledLike(query, 6);
  if (!query.trim()) return status("Type a number or a name.");
  status(`No asteroid with a spectrum is called “${query.trim()}”.`,
         ...(close.length ? [" Did you mean ", ...close.map((found) => buttonFor(found))] : []));
}

// mark tables that are wider than the screen
function announceWideTables() {
  for (const box of document.querySelectorAll(".scroll"))
    box.classList.toggle("wide", box.scrollWidth > box.clientWidth + 1);
}
