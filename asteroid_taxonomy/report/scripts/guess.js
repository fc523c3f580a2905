// Guess first: a labelled asteroid without its name, to be classified by eye.

let correct = 0, guesses = 0, pool;

function startGuess() {
  // bright ones above the threshold: others cannot be classified by eye
  pool ??= [...table.target.keys()].filter((row) => table.target[row] && !table.abstained[row]
    && table.snr[row] >= L.bright);
  if (!pool.length) return status("No labelled asteroid here is bright enough to guess.");
  take(spectrumOf(pool[Math.floor(Math.random() * pool.length)]));
  guess = current.row;
  refresh();
  $("neighbours").replaceChildren();
  $("h-neighbours").hidden = true;
  setHash("");
  status("Which coloured line does the spectrum follow? Choose a complex.");
}

function answerGuess(i) {
  const row = guess, truth = table.target[row] - 1, { complex, confidence } = catalogueAnswer(row);
  guesses += 1;
  correct += i === truth;
  show(row);
  status(`You: ${L.classes[i]}. The network: ${complex} (${percent(confidence)}). The literature: `
    + `${L.classes[truth]}. Your score: ${correct} of ${guesses}. `,
         element("button", "Guess another", { type: "button", className: "chip", onclick: startGuess }));
}
