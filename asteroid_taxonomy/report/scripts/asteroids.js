// The asteroids of the catalogue: unpacked from the page, found by number or name.

async function unpack(packed) {
  const stream = new Blob([bytesOf(packed)]).stream().pipeThrough(new DecompressionStream("gzip"));
  const bytes = await new Response(stream).arrayBuffer(), table = {};
  const types = { int64: BigInt64Array, float32: Float32Array, int32: Int32Array, int16: Int16Array,
                  uint16: Uint16Array, uint8: Uint8Array };
  for (const [name, [type, offset, size]] of Object.entries(L.columns))
    table[name] = new types[type](bytes, offset, size);
  table.name = JSON.parse(new TextDecoder().decode(table.name));
  table.plain = table.name.map(plain);
  // the digits, because a number of JavaScript rounds beyond 2^53; "" for the unnumbered
  const none = BigInt(L.no_number);
  table.number = Array.from(table.number, (number) => (number === none ? "" : String(number)));
  // of two with one name, the first is found
  table.rowOfName = new Map(table.plain.map((name, row) => [name, row]).reverse());
  table.rowOfNumber = new Map(table.number.map((number, row) => [number, row]).reverse());
  table.rowOfNumber.delete("");
  return table;
}

// names as people type them, compared as asteroid_taxonomy/names.py compares them
function plain(text) {
  const packed = text.trim().match(/^([IJK])(\d\d)([A-HJ-Y])([\dA-Za-z])(\d)([A-HJ-Z])$/);
  if (packed) {
    const [, century, year, half, tens, unit, order] = packed;
    const cycle = 10 * "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".indexOf(tens) + +unit;
    text = `${18 + "IJK".indexOf(century)}${year} ${half}${order}${cycle || ""}`;
  }
  return text.toLowerCase().replace(/[_\s]+/g, " ").trim().replace(/['‘’`´]+/g, "'")
    .replace(/^((?:1[89]|20)\d\d|a[89]\d\d) ?([a-hj-y][a-hj-z]) ?(\d*)$/, "$1 $2$3")
    .replace(/^(\d{4})[ -]?([pt])-?([l123])$/, "$1 $2-$3");
}

const titleOf = (row) => (table.number[row] && `(${table.number[row]}) `) + table.name[row];

// row of 433, (433), Eros, 433 Eros, (433) Eros, 433.0, 4vesta; of a number with a name the number
// decides, and a note says whose number it is
function find(query) {
  const wanted = plain(query);
  if (table.rowOfName.has(wanted)) return { row: table.rowOfName.get(wanted) };
  const [, inBrackets, named, digits, more, joined] = wanted.match(
    /^(?:\((\d+)\) *(.*)|(\d+)(?:\.0*)?(?: +([^\d\s].*)|(\p{L}{2}.*))?)$/u) ?? [];
  const row = table.rowOfNumber.get((inBrackets ?? digits ?? "").replace(/^0+(?=\d)/, ""));
  const name = named || more || joined;
  if (row === undefined) return { row: table.rowOfName.get(wanted.replace(/^\((.*)\)$/, "$1")) };
  return { row, note: name && plain(name) !== table.plain[row]
    ? `(${table.number[row]}) is ${table.name[row]}, not ${query.trim().replace(/^[(\d.)_\s]+/, "")}.` : "" };
}

function beginningWith(query, most) {
  const wanted = plain(query).replace(/^\((\d+)\)?$/, "$1"), rows = [];
  for (let row = 0; wanted && row < table.plain.length && rows.length < most; row++)
    if (table.plain[row].startsWith(wanted) || table.number[row].startsWith(wanted)) rows.push(row);
  return rows;
}

// how many letters must be changed, put in or left out to make one name of the other (Levenshtein)
function distance(a, b) {
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++)
      row.push(Math.min(row[j - 1] + 1, above[j] + 1, above[j - 1] + (a[i - 1] !== b[j - 1])));
    above = row;
  }
  return above[b.length];
}

// names that are two slips of the pen away at most, the nearest first
function spelledLike(query, most) {
  const wanted = plain(query), rows = [];
  if (wanted.length < 4) return rows;
  table.plain.forEach((name, row) => {
    if (Math.abs(name.length - wanted.length) > 2) return;
    const slips = distance(wanted, name);
    if (slips <= 2) rows.push([slips, row]);
  });
  return rows.sort((a, b) => a[0] - b[0]).slice(0, most).map(([, row]) => row);
}

function spectrumOf(row) {
  const bands = L.wavelengths_nm.length, take = (column) => Array.from(
    table[column].subarray(row * bands, (row + 1) * bands));
  return {
    row, title: titleOf(row), snr: table.snr[row],
    values: take("reflectance").map((r) => (r === L.missing ? NaN : r * L.step)),
    errors: take("error").map((e) => (e === L.no_error ? NaN : e * L.fine_step)),
    flags: take("flags"),
  };
}

const textOf = (column, row) => L.texts[column][table[column][row] - 1] ?? "";

// one share for each complex; null where there is none
function sharesOf(column, row) {
  const n = L.classes.length, stored = Array.from(table[column].subarray(row * n, (row + 1) * n));
  return stored[0] === L.unknown ? null : stored.map((share) => share * L.fine_step);
}

// rows of the bright asteroids whose spectra differ least from this one in the bands of the model
function neighbours(values, besides, most = 6) {
  const bands = L.wavelengths_nm.length, close = [];
  for (let row = 0; row < table.snr.length; row++) {
    if (row === besides || !(table.snr[row] >= L.bright)) continue;
    let sum = 0, farthest = close.length < most ? Infinity : close[most - 1][0];
    for (const j of L.models[0].used) {
      const r = table.reflectance[row * bands + j];
      sum += r === L.missing ? Infinity : (r * L.step - values[j]) ** 2;
    }
    if (sum < farthest) {
      close.push([sum, row]);
      close.sort((a, b) => a[0] - b[0]);
      close.length = Math.min(close.length, most);
    }
  }
  return close.map(([, row]) => row);
}
