
// ---- Tasks about a stimulus set: study.task says how each looks and what its answers are ---------

// Every right answer and every group as often as any other, pictures seen as evenly as can be, and
// sides (or places) in turn within each group.
function chooseTaskQuestions(random) {
  const kinds = new Map(); // by the right answer, and below by group
  for (const question of study.questions.filter((one) => one.list === null || one.list === list())) {
    const right = String(question.expected);
    const group = `${question.group}/${question.scale}`;
    const groups = kinds.get(right) ?? kinds.set(right, new Map()).get(right);
    groups.set(group, [...(groups.get(group) ?? []), question]);
  }
  const seen = new Map(); // how often a picture is shown already
  const times = (question) => question.pictures.reduce((sum, file) => sum + (seen.get(file) ?? 0), 0);
  const firstTurn = randomBelow(6, random);
  const rounds = shuffled([...kinds.values()], random).map((groups) =>
    shuffled([...groups.values()], random).map((group, number) => ({
      queue: shuffled(group, random),
      turn: firstTurn + number,
    })),
  );
  const chosen = [];
  for (let round = 0; chosen.length < study.trials; round++) {
    for (const groups of rounds) {
      const filled = groups.filter(({ queue }) => queue.length);
      if (chosen.length === study.trials || !filled.length) continue;
      const group = filled[round % filled.length];
      const least = Math.min(...group.queue.map(times));
      const [question] = group.queue.splice(group.queue.findIndex((one) => times(one) === least), 1);
      for (const file of question.pictures) seen.set(file, (seen.get(file) ?? 0) + 1);
      chosen.push({ question, turn: group.turn++ });
    }
  }
  return shuffled(chosen, random);
}

// The list of a Latin square that this participant sees: named in the address, else at random.
function list() {
  if (study.lists === 1) return 1;
  const named = Number(urlName("list"));
  if (named >= 1 && named <= study.lists) return named;
  const key = `${stateKey}/list`;
  const drawn = memory.read(key) ?? 1 + (randomSeed() % study.lists);
  memory.write(key, drawn);
  return drawn;
}

// `order` says which of the question's pictures stands where: "213" has the first two exchanged.
function makeTaskTrial(question, turn, check) {
  const { movable } = study.task;
  const places = question.pictures.map((_, place) =>
    place < movable ? (place + turn) % movable : place,
  );
  const trial = { order: places.map((place) => place + 1).join("") };
  places.forEach((place, number) => (trial[`picture${number + 1}`] = question.pictures[place]));
  const { expected, group, level, scale, instruction } = question;
  const right = expected && study.task.pictures_answer ? places.indexOf(expected - 1) + 1 : expected;
  return { ...trial, group, level, scale, list: question.list, instruction, check, expected: right };
}

function taskFiles(trial) {
  return [trial.picture1, trial.picture2, trial.picture3].filter(Boolean);
}

function showTaskPictures(container, trial, optionTag) {
  const { captions, pictures_answer, movable } = study.task;
  container.classList.add(`of-${taskFiles(trial).length}`);
  container.replaceChildren(
    ...taskFiles(trial).map((file, number) => {
      const tag = pictures_answer && number < movable ? optionTag : "figure";
      return pictureTile(tag, address(file), captions[number] ? "" : "A face", captions[number]);
    }),
  );
}

// The answers below the pictures: words, or a scale with its ends named.
function showTaskAnswers(container, trial) {
  const scale = study.task.scales[trial.scale];
  const labels = scale ? [...Array(scale.steps).keys()].map((k) => String(k + 1)) : study.task.labels;
  const buttons = labels.map((label) => {
    const button = document.createElement("button");
    button.textContent = label;
    return button;
  });
  container.classList.toggle("scale", Boolean(scale));
  container.replaceChildren(...buttons);
  if (scale) {
    for (const [button, end] of [[buttons[0], scale.low], [buttons.at(-1), scale.high]]) {
      button.setAttribute("aria-label", `${button.textContent}: ${end}`);
      const name = document.createElement("span");
      name.textContent = end;
      container.append(name);
    }
  }
}

function taskPrompt(trial) {
  return trial.instruction ?? study.task.scales[trial.scale]?.prompt ?? study.prompt;
}
