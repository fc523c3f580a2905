// The spectrum in the visitor's hands: points to drag, noise, a file, a link, a picture.

let current = null; // the spectrum as it came, with changed: its values after dragging
let seed = 1, guess = null; // of the noise; the row that is to be guessed
const noiseless = () => +$("noise").value === +$("noise").max;
const handles = [];

// standard normal numbers, the same for the same seed, so that the slider scales one draw
function normals(count, start) {
  let state = start >>> 0;
  const uniform = () => { // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return Array.from({ length: count }, () =>
    Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()));
}

const fullSnr = () => (current.snr > 4 ? current.snr : 200);
const targetSnr = () => 3 * (fullSnr() / 3) ** ($("noise").value / $("noise").max);
const snrNow = () => (noiseless() ? current.snr : targetSnr());

// noise that brings what was measured down to the S/N of the slider
function noise(draw) {
  if (noiseless()) return current.changed.map(() => 0);
  return normals(current.changed.length, draw).map((z, j) =>
    L.wavelengths_nm[j] === L.normalised_at_nm ? 0 : z * Math.sqrt(Math.max(0,
      (current.changed[j] / targetSnr()) ** 2 - (current.errors[j] || 0) ** 2)));
}

const noisy = (draw) => { const n = noise(draw); return current.changed.map((v, j) => v + n[j]); };
const isChanged = () => current.changed.some((v, j) => !Object.is(v, current.values[j]));
const titleNow = () => current.title + (isChanged() && !current.title.endsWith(", changed") ? ", changed" : "");
// the spectrum with other values; what was ignored at a band counts until the band is moved
const withValues = (values) => ({ ...current, values, snr: snrNow(),
  touched: current.touched?.map((each, j) => each && Object.is(current.changed[j], current.values[j])) });

function take(spectrum) {
  current = { ...spectrum, changed: [...spectrum.values] };
  guess = null;
  $("noise").value = $("noise").max;
  setAxis();
  refresh();
  settle();
}

function forget() {
  current = guess = null;
  $("answer").hidden = $("values").hidden = $("guess").hidden = $("handles").hidden = true;
  $("play").classList.add("empty");
  showProbabilities(null);
  $("neighbours").replaceChildren();
  $("h-neighbours").hidden = true;
  setHash("");
  draw("look_up").then((view) => view.data("asteroid", []).runAsync());
}

// the axis holds every point, whatever it is; it keeps still while a point is dragged
function setAxis() {
  const there = noisy(seed).filter((v) => !Number.isNaN(v));
  const low = Math.min(L.axis[0], ...there), high = Math.max(L.axis[1], ...there);
  const room = 0.06 * (high - low);
  current.axis = [low === L.axis[0] ? low : low - room, high === L.axis[1] ? high : high + room];
}

function refresh() {
  const now = withValues(noisy(seed)), asMeasured = noiseless() && !isChanged() && current.row !== null;
  const answer = asMeasured ? catalogueAnswer(current.row) : classify(now);
  now.used = (answer?.model ?? L.models.at(asMeasured ? 0 : -1)).used;
  $("play").classList.remove("empty");
  $("answer").hidden = $("values").hidden = guess !== null;
  $("guess").hidden = guess === null;
  $("who").textContent = titleNow() + (noiseless() ? "" : ", noise added");
  showProbabilities(answer?.p, asMeasured ? sharesOf("spread", current.row) : null);
  $("verdict").textContent = verdict(answer, now);
  $("facts").replaceChildren(...(asMeasured ? facts(current.row)
    : ["Computed in this page, with the network of the ONNX file."]).map((fact) => element("li", fact)));
  $("undo").hidden = guess !== null || (noiseless() && !isChanged()); // it shows the asteroid
  $("again").hidden = noiseless();
  $("noise-value").textContent = noiseless() ? "as measured" : `S/N ${targetSnr().toFixed(0)}`;
  $("stability").textContent = noiseless() || !answer || guess !== null ? "" : stability();
  showValues(now);
  return placePoints(now);
}

// the answers for noisy copies, the most frequent first
function stability() {
  const counts = new Map(L.classes.map((name) => [name, 0]));
  for (let i = 0; i < 100; i++) {
    const { complex } = classify(withValues(noisy(1000 + i))) ?? {};
    if (complex) counts.set(complex, counts.get(complex) + 1);
  }
  return `Of 100 noisy copies: ${listed([...counts].sort((a, b) => b[1] - a[1]).map(([name, n]) => `${n} ${name}`))}.`;
}

// points into the chart, handles over its points
async function placePoints({ values, used }) {
  const view = await draw("look_up");
  const points = L.wavelengths_nm.map((nm, j) => ({
    nm, value: values[j], low: values[j] - (current.errors[j] || 0), high: values[j] + (current.errors[j] || 0),
    flag: flagNames[current.flags[j]] ?? "good", used: used.includes(j),
  })).filter(({ value }) => !Number.isNaN(value));
  const [low, high] = current.axis;
  await view.signal("lowest", low).signal("highest", high).data("asteroid", points).runAsync();
  $("handles").hidden = guess !== null || !models.length;
  const frame = $("handles").parentElement.getBoundingClientRect();
  const box = $("look_up").querySelector("svg").getBoundingClientRect();
  const [left, top] = view.origin().map((at, i) => at + view.padding()[i ? "top" : "left"]), height = view.signal("height"), x = view.scale("x");
  const size = Math.min(28, x(L.wavelengths_nm[1]) - x(L.wavelengths_nm[0]));
  $("handles").style.setProperty("--size", `${size}px`);
  handles.forEach((handle, j) => {
    const v = Number.isNaN(values[j]) ? (low + high) / 2 : values[j];
    Object.assign(handle, { min: low, max: high, value: v });
    handle.title = `${L.wavelengths_nm[j]} nm` + (used.includes(j) ? "" : ": the model does not use this band");
    handle.classList.toggle("missing", Number.isNaN(values[j]));
    handle.setAttribute("aria-valuetext", Number.isNaN(values[j]) ? "not measured" : v.toFixed(3));
    // the middle of a thumb stays half its size away from the ends of its slider
    Object.assign(handle.style, {
      left: `${box.left - frame.left + left + x(L.wavelengths_nm[j]) - size / 2}px`,
      top: `${box.top - frame.top + top - size / 2}px`, height: `${height + size}px`,
    });
  });
}

function move(j, value) {
  if (!noiseless() && !Number.isNaN(current.changed[j])) value -= noise(seed)[j];
  current.changed[j] = value;
  refresh();
}

// what takes longer waits until the visitor's hand rests
let resting;
function settle() {
  clearTimeout(resting);
  resting = setTimeout(() => {
    if (!current || guess !== null) return;
    showNeighbours(noisy(seed), current.row);
    if (isChanged() || current.row === null) setHash(hashOf());
    drawMap();
  }, 150);
}

function makeHandles() {
  L.wavelengths_nm.forEach((nm, j) => {
    const handle = element("input", [], { type: "range", step: "any", tabIndex: j ? -1 : 0 });
    handle.setAttribute("aria-label", `Reflectance at ${nm} nm`);
    handle.setAttribute("aria-orientation", "vertical");
    handle.addEventListener("input", () => move(j, +handle.value));
    handle.addEventListener("change", () => { setAxis(); refresh(); settle(); });
    handle.addEventListener("keydown", (event) => {
      const step = { ArrowUp: 0.01, ArrowDown: -0.01, PageUp: 0.1, PageDown: -0.1 }[event.key];
      const side = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step && !side) return;
      event.preventDefault();
      if (step) { move(j, +handle.value + step); setAxis(); refresh(); settle(); return; }
      const next = handles[j + side];
      if (next) { handle.tabIndex = -1; next.tabIndex = 0; next.focus(); }
    });
    handles.push(handle);
  });
  $("handles").append(...handles);
}

async function takeFile(file) {
  if (file) takeText(await file.slice(0, 5e6).text(), file.name);
}

function takeText(text, title) {
  try {
    take(spectrumIn(text, title));
    status(`${title} is shown, in the bands of the model and normalised to 1 at ${L.normalised_at_nm} nm.`);
  } catch (error) { forget(); status(error.message); }
}

// a link carries a changed spectrum, or one's own; * where a marker or a spike was ignored
const setHash = (hash) => history.replaceState(null, "", `${location.pathname}${location.search}${hash && "#"}${hash}`);
const hashOf = ({ values, touched } = withValues(current.changed)) => "spectrum=" + encodeURIComponent([
  titleNow().replaceAll(";", " "), current.snr || "",
  ...values.map((v, j) => (Number.isNaN(v) ? "" : +v.toFixed(4)) + (touched?.[j] ? "*" : ""))].join(";"));

function takeHash(text) {
  const [title, snr, ...fields] = text.slice("spectrum=".length).split(";");
  const values = L.wavelengths_nm.map((_, j) => parseFloat(fields[j])), touched = fields.map((field) => field.endsWith("*"));
  if (fields.length !== values.length) return status("The link does not hold a whole spectrum.");
  take({ row: null, title, snr: Number(snr) || NaN, values, touched, errors: values.map(() => NaN), flags: values.map(() => L.no_flag) });
  status(`${title} is shown, from the link.`);
}

async function copyLink() {
  const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
  status(copied ? "The link to this spectrum is copied." : "The address of this page is the link to this spectrum.");
}

async function savePicture() {
  const view = await draw("look_up"), scale = 2;
  const drawn = await view.toCanvas(scale), picture = document.createElement("canvas"), room = 30 * scale;
  Object.assign(picture, { width: drawn.width, height: drawn.height + room });
  const pen = picture.getContext("2d");
  pen.fillStyle = "white";
  pen.fillRect(0, 0, picture.width, picture.height);
  pen.drawImage(drawn, 0, room);
  pen.fillStyle = "black";
  pen.font = `${16 * scale}px system-ui, sans-serif`;
  pen.fillText(`${$("who").textContent}   ${$("verdict").textContent.split(".")[0]}`, 8 * scale, 22 * scale);
  element("a", "", { href: picture.toDataURL(), download: `${$("who").textContent}.png` }).click();
}
