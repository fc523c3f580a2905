// The spectrum under the visitor's hands: points to drag, noise, one's own file, a guess.

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

// noise that brings what was measured down to the S/N of the slider
function noise(draw) {
  if (noiseless()) return current.changed.map(() => 0);
  return normals(current.changed.length, draw).map((z, j) =>
    L.wavelengths_nm[j] === L.normalised_at_nm ? 0 : z * Math.sqrt(Math.max(0,
      (current.changed[j] / targetSnr()) ** 2 - current.errors[j] ** 2)));
}

const noisy = (draw) => { const n = noise(draw); return current.changed.map((v, j) => v + n[j]); };
const isChanged = () => current.changed.some((v, j) => !Object.is(v, current.values[j]));

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
  history.replaceState(null, "", location.pathname + location.search);
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
  const values = noisy(seed), asMeasured = noiseless() && !isChanged() && current.row !== null;
  const whole = L.used.every((j) => !Number.isNaN(values[j]));
  const p = asMeasured ? catalogueProbabilities(current.row)
    : whole && classify ? classify([values])[0] : null;
  $("play").classList.remove("empty");
  $("answer").hidden = $("values").hidden = guess !== null;
  $("guess").hidden = guess === null;
  $("who").textContent = current.title + (isChanged() ? ", changed by you" : "");
  showProbabilities(p, asMeasured ? catalogueSpread(current.row) : null);
  $("verdict").textContent = verdict(p, { values, flags: current.flags });
  $("facts").replaceChildren(...(asMeasured ? facts(current.row)
    : ["Computed just now, in this page, by the network itself."]).map((fact) => element("li", fact)));
  $("undo").hidden = noiseless() && !isChanged();
  $("again").hidden = noiseless();
  $("noise-value").textContent = noiseless() ? "as measured" : `S/N ${targetSnr().toFixed(0)}`;
  $("stability").textContent = noiseless() || !whole || !classify ? "" : stability(p);
  showValues({ ...current, values });
  return placePoints(values);
}

function stability(p) {
  const best = p.indexOf(Math.max(...p)), copies = Array.from({ length: 100 }, (_, i) => noisy(1000 + i));
  const same = classify(copies).filter((q) => q.indexOf(Math.max(...q)) === best).length;
  return `Of 100 noisy copies of it ${same} are called ${L.classes[best]}.`;
}

// points into the chart, handles over its points
async function placePoints(values) {
  const view = await draw("look_up");
  const points = L.wavelengths_nm.map((nm, j) => ({
    nm, value: values[j], low: values[j] - current.errors[j], high: values[j] + current.errors[j],
    flag: flagNames[current.flags[j]] ?? "good", used: L.used.includes(j),
  })).filter(({ value }) => !Number.isNaN(value));
  const [low, high] = current.axis;
  await view.signal("lowest", low).signal("highest", high).data("asteroid", points).runAsync();
  $("handles").hidden = guess !== null || !classify;
  const frame = $("handles").parentElement.getBoundingClientRect();
  const box = $("look_up").querySelector("svg").getBoundingClientRect();
  const [left, top] = view.origin(), height = view.signal("height"), x = view.scale("x");
  const size = Math.min(28, x(L.wavelengths_nm[1]) - x(L.wavelengths_nm[0]));
  $("handles").style.setProperty("--size", `${size}px`);
  handles.forEach((handle, j) => {
    const v = Number.isNaN(values[j]) ? (low + high) / 2 : values[j];
    Object.assign(handle, { min: low, max: high, value: v });
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
  resting = setTimeout(() => current && guess === null && showNeighbours(noisy(seed), current.row), 150);
}

function makeHandles() {
  L.wavelengths_nm.forEach((nm, j) => {
    const handle = element("input", [], { type: "range", step: "any", tabIndex: j ? -1 : 0 });
    handle.setAttribute("aria-label", `Reflectance at ${nm} nm`);
    handle.setAttribute("aria-orientation", "vertical");
    handle.title = `${nm} nm` + (L.used.includes(j) ? "" : ": the model does not use this band");
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
    history.replaceState(null, "", location.pathname + location.search);
    say(`${title} is shown, in the bands of the model and 1 at ${L.normalised_at_nm} nm.`);
  } catch (error) { forget(); say(error.message); }
}
