const $ = (id) => document.getElementById(id);
const specs = JSON.parse($("specs").textContent), L = JSON.parse($("layout").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const options = { renderer: "svg", actions: false, logLevel: 1, tooltip: { theme: dark ? "dark" : "light" } };

// charts are drawn when they come near the screen, so that the text is there at once
const views = {};
function draw(id) {
  if (!views[id]) {
    const spec = specs[id];
    if (spec.columns) spec.columns = Math.max(1, Math.min(spec.columns, Math.floor(($(id).clientWidth - 30) / 155)));
    views[id] = vegaEmbed($(id), spec, options).then((result) => result.view);
  }
  return views[id];
}
const near = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) { near.unobserve(entry.target); draw(entry.target.id); }
}, { rootMargin: "300px" });
for (const id of Object.keys(specs)) near.observe($(id));
addEventListener("beforeprint", () => Object.keys(specs).forEach(draw));

async function unpack() {
  const packed = Uint8Array.from(atob($("data").textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const bytes = await new Response(stream).arrayBuffer(), table = {};
  const types = { int32: Int32Array, float32: Float32Array, uint32: Uint32Array, int16: Int16Array,
                  uint16: Uint16Array, uint8: Uint8Array };
  for (const [name, [type, offset, size]] of Object.entries(L.columns))
    table[name] = new types[type](bytes, offset, size);
  table.name = new TextDecoder().decode(table.name).split("\n");
  $("data").remove();
  return table;
}

let table, lower, rowOfNumber, rowOfName;
const title = (row) => (table.number[row] === L.no_number ? "" : `(${table.number[row]}) `) + table.name[row];

function find(query) {
  const wanted = query.trim().toLowerCase(), number = wanted.match(/^\(?(\d+)\)?(?:\s+(.*))?$/);
  if (rowOfName.has(wanted)) return rowOfName.get(wanted);
  if (!number || !rowOfNumber.has(+number[1])) return undefined;
  const row = rowOfNumber.get(+number[1]);
  return !number[2] || lower[row] === number[2] ? row : undefined;
}

function matches(query, most) {
  const wanted = query.trim().toLowerCase(), found = [];
  for (let row = 0; wanted && row < lower.length && found.length < most; row++)
    if (lower[row].startsWith(wanted) || String(table.number[row]).startsWith(wanted)) found.push(row);
  return found;
}

function say(text) { $("status").textContent = text; }

function cells(parent, rows) {
  parent.replaceChildren(...rows.map((values) => {
    const tr = document.createElement("tr");
    for (const value of values) {
      const td = document.createElement("td");
      if (value instanceof Node) td.append(value); else td.textContent = value;
      if (typeof value === "string" && /^[-\d.,% ]+$/.test(value)) td.className = "n";
      tr.append(td);
    }
    return tr;
  }));
}

async function show(row) {
  const bands = L.wavelengths_nm.length, n = L.classes.length, points = [], values = [];
  for (let j = 0; j < bands; j++) {
    const r = table.reflectance[row * bands + j], e = table.error[row * bands + j];
    const flag = ["good", "suspect", "bad", ""][(table.flags[row] >>> (2 * j)) & 3];
    if (r === L.missing) { values.push([String(L.wavelengths_nm[j]), "not measured", "", flag]); continue; }
    const mean = r * L.step, error = e === L.unknown ? 0 : e * L.step;
    points.push({ nm: L.wavelengths_nm[j], mean, low: mean - error, high: mean + error });
    values.push([String(L.wavelengths_nm[j]), mean.toFixed(3), error.toFixed(3), flag]);
  }
  const p = Array.from(table.probability.subarray(row * n, row * n + n));
  const known = p[0] !== L.unknown, best = p.indexOf(Math.max(...p));
  cells($("probabilities"), known ? p.map((value, i) => {
    const bar = document.createElement("span");
    bar.className = "bar";
    bar.style.width = `${100 * value * L.probability_step}%`;
    bar.style.background = L.colours[i];
    return [L.classes[i], `${(100 * value * L.probability_step).toFixed(1)} %`, bar];
  }) : []);
  const facts = [];
  if (!known) facts.push("No class: a band that the model needs is missing.");
  else facts.push(`Most probable: ${L.classes[best]}` + (table.abstained[row]
    ? `, below the threshold of ${L.threshold}: better take it as unknown.` : "."));
  if (known && table.in_training[row]) facts.push("The model was trained on this asteroid, so these probabilities are those of models that were not.");
  const bin = table.bin[row] - 1, accuracy = L.bin_accuracy[bin];
  facts.push(`S/N ${table.snr[row].toFixed(1)}` + (accuracy === null ? "."
    : `; of the labelled asteroids with S/N ${L.bins[bin]}, ${(100 * accuracy).toFixed(0)} % are right.`));
  const literature = table.literature[row];
  facts.push(literature ? `Literature class: ${L.literature[literature - 1]} (Mahlke 2022).` : "No class in the literature table.");
  $("who").textContent = title(row);
  $("facts").textContent = facts.join(" ");
  cells($("value-rows"), values);
  $("answer").hidden = $("values").hidden = false;
  say(`${title(row)} is shown below.`);
  history.replaceState(null, "", "#" + encodeURIComponent(table.number[row] === L.no_number ? table.name[row] : table.number[row]));
  const view = await draw("search-chart");
  await view.data("asteroid", points).runAsync();
}

function ask(query) {
  const row = find(query) ?? matches(query, 2).filter((_, i, all) => all.length === 1)[0];
  if (row !== undefined) return show(row);
  const close = matches(query, 5).map(title);
  say(!query.trim() ? "Type a number or a name." : `No asteroid with a spectrum is called “${query.trim()}”.`
    + (close.length ? ` Did you mean ${close.join(", ")}?` : ""));
}

unpack().then((unpacked) => {
  table = unpacked;
  lower = table.name.map((name) => name.toLowerCase());
  rowOfName = new Map(lower.map((name, row) => [name, row]).reverse());
  rowOfNumber = new Map(Array.from(table.number, (number, row) => [number, row]).reverse());
  rowOfNumber.delete(L.no_number);
  say(`${lower.length.toLocaleString("en")} asteroids are ready. Type a number or a name.`);
  $("search").addEventListener("submit", (event) => { event.preventDefault(); ask($("query").value); });
  $("query").addEventListener("input", () => {
    $("suggestions").replaceChildren(...matches($("query").value, 8).map((row) => new Option(title(row), title(row))));
  });
  const asked = decodeURIComponent(location.hash.slice(1));
  if (asked) { $("query").value = asked; ask(asked); }
}).catch((error) => say(`The spectra cannot be unpacked (${error.message}); a browser of 2023 or later can.`));
