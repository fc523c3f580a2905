// Guess first: a labelled asteroid without its name, and whether the visitor sees what the network
// sees.

let right = 0, guesses = 0, pool;

function startGuess() {
  // bright ones that the network is sure of: the others nobody can tell by eye
  pool ??= [...table.target.keys()].filter((row) => table.target[row] && !table.abstained[row]
    && table.snr[row] >= L.bright);
  if (!pool.length) return say("No labelled asteroid here is bright enough to guess.");
  take(spectrumOf(pool[Math.floor(Math.random() * pool.length)]));
  guess = current.row;
  refresh();
  $("neighbours").replaceChildren();
  $("h-neighbours").hidden = true;
  history.replaceState(null, "", location.pathname + location.search);
  say("Which coloured line does the spectrum follow? Choose a complex.");
}

function answer(i) {
  const row = guess, truth = table.target[row] - 1, p = catalogueProbabilities(row);
  const best = p.indexOf(Math.max(...p));
  guesses += 1;
  right += i === truth;
  show(row);
  say(`You said ${L.classes[i]}, the network ${L.classes[best]} (${percent(p[best])}), the literature `
    + `${L.classes[truth]}. You: ${right} of ${guesses}. `,
      element("button", "Guess another", { type: "button", className: "chip", onclick: startGuess }));
}
