// What is shown of a spectrum, whether of the catalogue, changed by hand or one's own.

const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;
const listed = (words) => words.join(", ").replace(/, ([^,]*)$/, " and $1");
const flagNames = ["good", "suspect", "bad"];

function say(...content) { $("status").replaceChildren(...content); }

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
      title: "How far the networks of the ensemble differ" }),
    element("span", "", { className: "bar",
                          style: `width:${100 * share}%;background:${L.colours[i]}` })]));
}

function verdict(p, { values, flags }) {
  const missing = L.used.filter((j) => Number.isNaN(values[j])).map((j) => L.wavelengths_nm[j]);
  const bad = L.used.filter((j) => flags[j] === 2).map((j) => L.wavelengths_nm[j]);
  const out = [];
  if (!p) out.push(missing.length ? `No class: ${listed(missing)} nm, which the model needs, `
    + `${missing.length > 1 ? "are" : "is"} missing.` : "No class.");
  else {
    const best = p.indexOf(Math.max(...p));
    out.push(`Most probable: ${L.classes[best]}` + (p[best] < L.thresholds[best]
      ? `, but below the threshold of ${L.thresholds[best]}: better take it as unknown.` : "."));
  }
  if (bad.length) out.push(`${L.survey} flags ${listed(bad)} nm as bad, `
    + (bad.length > 1 ? "bands the model uses: " : "a band the model uses: ")
    + "what it says here may rest on a measurement that went wrong.");
  return out.join(" ");
}

function facts(row) {
  const out = [], literature = L.literature[table.literature[row] - 1];
  const told = L.told[table.class[row] - 1], [precision, recall] = L.precision_recall[told] ?? [];
  const expected = table.expected[row], share = (stored) => percent(stored * L.probability_step);
  if (expected !== L.unknown)
    out.push(`At this confidence and S/N, ${share(expected)} of labelled asteroids are classified right.`);
  if (told) out.push(`Most probable class: ${told} (${share(table.class_probability[row])}).`
    + (precision === undefined ? "" : ` When tested, ${percent(precision)} of those called ${told} `
      + `were, and ${percent(recall)} of the ${told} were found.`));
  out.push(literature ? `Class in the literature: ${literature} (${L.labels}).`
    : `No class in the ${L.labels}.`);
  if (table.in_training[row]) out.push("The network learned from this asteroid's label. To be fair, "
    + "the probabilities shown come from networks that learned without it.");
  out.push(`S/N ${table.snr[row].toFixed(1)}.`);
  return out;
}

function showValues({ values, errors, flags }) {
  fill($("value-rows"), L.wavelengths_nm.map((nm, j) => [String(nm),
    ...(Number.isNaN(values[j]) ? ["not measured", ""]
      : [values[j].toFixed(3), errors[j] ? errors[j].toFixed(3) : ""]),
    flagNames[flags[j]] ?? "", L.used.includes(j) ? "yes" : "no"]));
}

function showNeighbours(values, besides) {
  const rows = L.used.every((j) => !Number.isNaN(values[j])) ? neighbours(values, besides) : [];
  $("neighbours").replaceChildren(...rows.map((row) => {
    const p = catalogueProbabilities(row), best = p && L.classes[p.indexOf(Math.max(...p))];
    const literature = table.literature[row] && L.literature[table.literature[row] - 1];
    return buttonFor(row, `: ${best ?? "–"}${literature ? `, literature ${literature}` : ""}`);
  }));
  $("h-neighbours").hidden = !rows.length;
}

function show(row) {
  take(spectrumOf(row));
  history.replaceState(null, "", "#" + encodeURIComponent(table.number[row] || table.name[row]));
  say(`${titleOf(row)} is shown.`);
}

// what was asked for is not there: nothing else may look like the answer
function ask(query) {
  let close = beginningWith(query, 6);
  const row = find(query) ?? (close.length === 1 ? close[0] : undefined);
  if (row !== undefined) return show(row);
  forget();
  if (!close.length) close = spelledLike(query, 6);
  if (!query.trim()) return say("Type a number or a name.");
  say(`No asteroid with a spectrum is called “${query.trim()}”.`,
      ...(close.length ? [" Did you mean ", ...close.map((found) => buttonFor(found))] : []));
}
