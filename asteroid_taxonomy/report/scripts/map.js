// The map: all asteroids by two slopes of their spectra, as a canvas; a click opens one.

const OUTSIDE = 0.002; // share of the asteroids beyond each side of the map
const nearestBand = (nm) => L.wavelengths_nm.reduce((best, other, j) => (
  Math.abs(other - nm) < Math.abs(L.wavelengths_nm[best] - nm) ? j : best), 0);
let BLUE, RED, DIP; // numbers of bands near 500, 760 and 900 nm

function placeOf(values) {
  const [blue, red, dip] = [BLUE, RED, DIP].map((j) => values[j]);
  return [100 * (red / blue - 1) / (L.wavelengths_nm[RED] - L.wavelengths_nm[BLUE]) * 100, dip / red];
}

let mapPoints;

function pointsOfMap() {
  const bands = L.wavelengths_nm.length, n = L.classes.length, least = +$("map-snr").value;
  const at = (row, j) => { const r = table.reflectance[row * bands + j]; return r === L.missing ? NaN : r * L.step; };
  return [...table.snr.keys()].filter((row) => table.snr[row] >= least).map((row) => {
    const [x, y] = placeOf({ [BLUE]: at(row, BLUE), [RED]: at(row, RED), [DIP]: at(row, DIP) });
    const p = table.probability.subarray(row * n, (row + 1) * n);
    return { row, x, y, complex: p[0] === L.unknown ? -1 : p.indexOf(Math.max(...p)) };
  }).filter(({ x, y }) => Number.isFinite(x + y));
}

// the axis between two quantiles: position of a value, and values at its ticks
function axisOf(key, from, to, step) {
  const sorted = Float64Array.from(mapPoints, (point) => point[key]).sort(), n = sorted.length - 1;
  const low = sorted[Math.floor(n * OUTSIDE)], high = sorted[Math.ceil(n * (1 - OUTSIDE))];
  const ticks = [];
  for (let tick = Math.ceil(low / step); tick * step <= high; tick++) ticks.push(tick * step);
  return [(value) => from + (value - low) / (high - low) * (to - from), ticks];
}

function drawMap() {
  const canvas = $("map"), pixels = devicePixelRatio || 1, [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (!table || !width) return;
  mapPoints ??= pointsOfMap();
  if (mapPoints.length < 2) return;
  Object.assign(canvas, { width: width * pixels, height: height * pixels });
  const pen = canvas.getContext("2d"), ink = getComputedStyle(canvas).color;
  pen.scale(pixels, pixels);
  const [X, xTicks] = axisOf("x", 50, width - 10, 5), [Y, yTicks] = axisOf("y", height - 40, 10, 0.1);
  pen.font = "12px system-ui, sans-serif";
  pen.fillStyle = pen.strokeStyle = ink;
  pen.textAlign = "center";
  for (const x of xTicks) pen.fillText(x, X(x), height - 24);
  pen.fillText(`Slope from ${L.wavelengths_nm[BLUE]} to ${L.wavelengths_nm[RED]} nm (% per 100 nm)`, width / 2, height - 6);
  for (const y of yTicks) pen.fillText(y.toFixed(1), 34, Y(y) + 4);
  pen.save();
  pen.translate(12, height / 2);
  pen.rotate(-Math.PI / 2);
  pen.fillText(`Reflectance at ${L.wavelengths_nm[DIP]} nm / at ${L.wavelengths_nm[RED]} nm`, 0, 0);
  pen.restore();
  pen.save();
  pen.globalAlpha = Math.min(0.8, Math.max(dark ? 0.5 : 0.25, 6000 / mapPoints.length));
  pen.beginPath();
  pen.rect(48, 8, width - 56, height - 46);
  pen.clip();
  for (const point of mapPoints) {
    pen.fillStyle = L.colours[point.complex] ?? "#999";
    pen.fillRect((point.px = X(point.x)) - 1, (point.py = Y(point.y)) - 1, 2.4, 2.4);
  }
  pen.restore();
  if (!current || guess !== null) return;
  const [x, y] = placeOf(noisy(seed));
  pen.lineWidth = 2.5;
  pen.beginPath();
  pen.arc(X(x), Y(y), 8, 0, 2 * Math.PI);
  pen.stroke();
}

function nearestOnMap({ offsetX, offsetY }) {
  let best, least = 12 ** 2;
  for (const point of mapPoints ?? []) {
    const away = (point.px - offsetX) ** 2 + (point.py - offsetY) ** 2;
    if (away < least) [best, least] = [point, away];
  }
  return best;
}

function startMap() {
  const canvas = $("map");
  [BLUE, RED, DIP] = [500, 760, 900].map(nearestBand);
  canvas.addEventListener("click", (event) => {
    const found = nearestOnMap(event);
    if (found) { show(found.row); $("h-play").scrollIntoView(); }
  });
  canvas.addEventListener("mousemove", (event) => {
    const found = nearestOnMap(event);
    canvas.title = found ? titleOf(found.row) : "";
    canvas.style.cursor = found ? "pointer" : "";
  });
  $("map-snr").addEventListener("change", () => { mapPoints = undefined; drawMap(); });
  new ResizeObserver(drawMap).observe(canvas);
}
