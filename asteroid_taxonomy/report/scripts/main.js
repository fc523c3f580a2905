const $ = (id) => document.getElementById(id);
const L = JSON.parse($("layout").textContent), specs = JSON.parse($("specs").textContent);
let table;

const dark = matchMedia("(prefers-color-scheme: dark)").matches;
if (innerWidth < 600) {
  L.style.legend.columns = 4;
  specs.faint_bias.encoding.color.legend = { columns: 2 };
  specs.confusion.width = Math.min(300, innerWidth - 80);
}
const options = { renderer: "svg", actions: false, logLevel: 1, config: L.style,
                  tooltip: { theme: dark ? "dark" : "light" } };
const views = {};

function draw(id) {
  views[id] ??= vegaEmbed($(id), specs[id], options).then(({ view }) => view);
  return views[id];
}

// one after the other, so that the page stays responsive
async function drawAll() {
  for (const id of Object.keys(specs)) {
    await draw(id);
    await new Promise((done) => setTimeout(done));
  }
}

function startNetworks() {
  try {
    for (const model of L.models) {
      if (model.graph.unknown.length) throw new Error(`it has ${listed(model.graph.unknown)}`);
      model.compute = networkOf(model.graph);
      model.compute([L.wavelengths_nm.map(() => 1)]);
    }
    models = L.models;
  } catch (error) {
    $("no-network").textContent = `This model cannot be computed in the page: ${error.message}. `
      + "Its spectra can be looked up, not changed.";
  }
  for (const made of document.querySelectorAll(".needs-network")) made.hidden = !models.length;
  $("no-network").hidden = models.length > 0;
}

function hashText() {
  const hash = location.hash.slice(1);
  try { return decodeURIComponent(hash); } catch { return hash; } // index.html#100%
}

// a section of the page, a spectrum, or an asteroid; false without any
function followHash() {
  const text = hashText();
  if (!text || $(text)) return false;
  if (text.startsWith("spectrum=")) takeHash(text);
  else { $("query").value = text; lookUp(text); }
  return true;
}

function listen() {
  const on = (id, event, what) => $(id).addEventListener(event, what);
  const changed = () => { setAxis(); refresh(); settle(); };
  on("search", "submit", (event) => { event.preventDefault(); lookUp($("query").value); });
  on("query", "input", () => $("suggestions").replaceChildren(
    ...beginningWith($("query").value, 8).map((row) => new Option(titleOf(row), titleOf(row)))));
  on("surprise", "click", () => show(Math.floor(Math.random() * table.plain.length)));
  on("start-guess", "click", startGuess);
  on("noise", "input", changed);
  on("again", "click", () => { seed += 1; changed(); });
  on("undo", "click", () => (current.row === null ? take(current) : show(current.row)));
  on("link", "click", copyLink);
  on("picture", "click", savePicture);
  on("own", "submit", (event) => { event.preventDefault(); takeText($("paste").value, "Your spectrum"); });
  on("file", "change", () => takeFile($("file").files[0]));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    if (models.length) takeFile(event.dataTransfer.files[0]);
  });
  addEventListener("hashchange", followHash);
  new ResizeObserver(() => current && refresh()).observe($("look_up"));
  new ResizeObserver(announceWideTables).observe(document.body);
}

startNetworks();
drawAll();
announceWideTables();
unpack($("data").textContent).then((unpacked) => {
  table = unpacked;
  $("data").remove();
  makeHandles();
  listen();
  startMap();
  $("examples").prepend(...L.examples.map(([name, row]) => element("button", name, {
    type: "button", className: "chip", onclick: () => show(row) })));
  $("guess-classes").append(...L.classes.map((name, i) => element("button", [
    element("b", name), L.meanings[i] && `: ${L.meanings[i]}`], {
    type: "button", className: "chip", onclick: () => answerGuess(i) })));
  status(`${table.plain.length.toLocaleString("en")} asteroids are ready.`);
  if (!followHash() && L.examples.length) take(spectrumOf(L.examples[0][1]));
}).catch((error) => status(`The spectra cannot be unpacked (${error.message}); use a browser from 2023 or later.`));

// for the console, and for tests
globalThis.asteroidTaxonomy = { spectrumIn, classify, models: L.models, onMap: () => mapPoints.length };
