const $ = (id) => document.getElementById(id);
const L = JSON.parse($("layout").textContent), specs = JSON.parse($("specs").textContent);
let table, classify = null;

function startNetwork() {
  const graph = JSON.parse($("network").textContent);
  try {
    if (graph.unknown.length) throw new Error(`it has ${listed(graph.unknown)}`);
    const network = networkOf(graph);
    network([L.wavelengths_nm.map(() => 1)]);
    classify = network;
  } catch (error) {
    $("no-network").textContent = `This model cannot be computed in the page: ${error.message}. `
      + "Its spectra can be looked up, not changed.";
  }
  for (const made of document.querySelectorAll(".needs-network")) made.hidden = !classify;
  $("no-network").hidden = !!classify;
}

function asked() {
  const hash = location.hash.slice(1);
  try { return decodeURIComponent(hash); } catch { return hash; } // index.html#100%
}

function listen() {
  const on = (id, event, what) => $(id).addEventListener(event, what);
  on("search", "submit", (event) => { event.preventDefault(); ask($("query").value); });
  on("query", "input", () => $("suggestions").replaceChildren(
    ...beginningWith($("query").value, 8).map((row) => new Option(titleOf(row), titleOf(row)))));
  on("surprise", "click", () => show(Math.floor(Math.random() * table.plain.length)));
  on("start-guess", "click", startGuess);
  on("noise", "input", () => { setAxis(); refresh(); settle(); });
  on("again", "click", () => { seed += 1; setAxis(); refresh(); settle(); });
  on("undo", "click", () => take(current));
  on("own", "submit", (event) => { event.preventDefault(); takeText($("paste").value, "Your spectrum"); });
  on("file", "change", () => takeFile($("file").files[0]));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    if (classify) takeFile(event.dataTransfer.files[0]);
  });
  addEventListener("hashchange", () => { if (asked() && !$(asked())) ask(asked()); });
  new ResizeObserver(() => current && refresh()).observe($("look_up"));
  new ResizeObserver(announceWideTables).observe(document.body);
}

startNetwork();
drawWhenNear();
announceWideTables();
unpack($("data").textContent).then((unpacked) => {
  table = unpacked;
  $("data").remove();
  makeHandles();
  listen();
  $("chips").prepend(...L.chips.map(([name, row]) => element("button", name, {
    type: "button", className: "chip", onclick: () => show(row) })));
  $("guess-classes").append(...L.classes.map((name, i) => element("button", [
    element("b", name), L.meanings[i] && `: ${L.meanings[i]}`], {
    type: "button", className: "chip", onclick: () => answer(i) })));
  say(`${table.plain.length.toLocaleString("en")} asteroids are ready.`);
  if (asked() && !$(asked())) { $("query").value = asked(); ask(asked()); }
  else if (L.chips.length) take(spectrumOf(L.chips[0][1]));
}).catch((error) => say(`The spectra cannot be unpacked (${error.message}); a browser of 2023 or later can.`));

// for the console, and for tests: asteroidTaxonomy.probabilities([[…], …])
globalThis.asteroidTaxonomy = { probabilities: (spectra) => classify(spectra), classes: L.classes };
