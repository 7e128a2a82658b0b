// The questions about pictures: their order, how they look, and how they are answered.

const PRELOADED = 3; // questions whose pictures are fetched in advance
const RESULT_COLUMNS = [
  "study", "study_id", "participant", "prolific_pid", "seed", "complete", "trial", "GT", "OPTION1",
  "OPTION2", "model1", "model2", "image_url", "style", "condition", "answer", "ms", "check",
  "expected",
];
const TASK_COLUMNS = [
  "study", "study_id", "participant", "prolific_pid", "seed", "complete", "trial", "picture1",
  "picture2", "picture3", "order", "group", "level", "scale", "list", "answer", "ms", "check",
  "expected",
];

// ---- The order of questions, a function of the seed -------------------------------------------

// An odd turn exchanges the sides; where three places change, the turn says by how many.
function makeTrial(question, turn, check) {
  if (study.task) return makeTaskTrial(question, turn, check);
  const { condition } = question;
  if (study.study === "likert") {
    const { image_url, style, expected } = question;
    return { image_url, style, condition, check, expected };
  }
  const [one, two] = turn % 2 ? [1, 0] : [0, 1];
  return {
    GT: question.GT,
    OPTION1: question.files[one],
    OPTION2: question.files[two],
    model1: question.models[one],
    model2: question.models[two],
    condition,
    check,
    expected: check === "attention" ? one + 1 : null,
  };
}

// As many questions about every ablation (or style), about different faces as far as there are
// enough, with the full model at either side equally often, overall and against every ablation.
function chooseQuestions(random) {
  const groups = new Map();
  for (const question of study.questions) {
    const group = question.models ? question.models[1] : question.style;
    groups.set(group, [...(groups.get(group) ?? []), question]);
  }
  const queues = shuffled([...groups.values()], random).map((group) => shuffled(group, random));
  const firstSide = randomBelow(2, random);
  const seen = new Set();
  const chosen = [];
  for (let round = 0; chosen.length < study.trials; round++) {
    for (const [number, queue] of queues.entries()) {
      if (chosen.length === study.trials || queue.length === 0) continue;
      const fresh = queue.findIndex((question) => !seen.has(question.condition));
      const [question] = queue.splice(Math.max(fresh, 0), 1);
      seen.add(question.condition);
      chosen.push({ question, turn: round + number + firstSide });
    }
  }
  return shuffled(chosen, random);
}

// Repeats come in the second half, of questions of the first; attention checks evenly spread.
function planTrials(seed) {
  const random = randomNumbers(seed);
  const chosen = study.task ? chooseTaskQuestions(random) : chooseQuestions(random);
  const plan = chosen.map(({ question, turn }) => makeTrial(question, turn, false));
  const half = Math.ceil(chosen.length / 2);
  for (const { question, turn } of shuffled(chosen.slice(0, half), random).slice(0, study.repeats)) {
    const place = half + randomBelow(plan.length - half + 1, random);
    plan.splice(place, 0, makeTrial(question, turn + 1, "repeat"));
  }
  const checks = shuffled(study.checks, random);
  const firstSide = randomBelow(2, random);
  const stretch = plan.length / checks.length;
  for (let number = checks.length - 1; number >= 0; number--) {
    const place = Math.floor((number + random()) * stretch);
    plan.splice(place, 0, makeTrial(checks[number], number + firstSide, "attention"));
  }
  return plan.map((trial, index) => ({ trial: index + 1, ...trial }));
}

function pictureTile(tag, address, alt, caption) {
  const tile = document.createElement(tag);
  const image = document.createElement("img");
  image.src = address;
  image.alt = alt;
  tile.append(image);
  if (caption) {
    const text = document.createElement(tag === "figure" ? "figcaption" : "span");
    text.textContent = caption;
    tile.append(text);
  }
  return tile;
}

// The pictures of a trial; pairwise options are buttons in a question, not in the example.
function showPictures(container, trial, optionTag) {
  container.className = `pictures ${study.study}`;
  if (study.task) {
    showTaskPictures(container, trial, optionTag);
    return;
  }
  if (study.study === "likert") {
    const alt = "A face at the left, a rendering of a head at the right";
    container.replaceChildren(pictureTile("figure", address(trial.image_url), alt));
    return;
  }
  container.replaceChildren(
    pictureTile("figure", address(trial.GT), "Grey mesh that the faces should follow", "Mesh"),
    pictureTile(optionTag, address(trial.OPTION1), "", "Option 1"),
    pictureTile(optionTag, address(trial.OPTION2), "", "Option 2"),
  );
}

// ---- One question -----------------------------------------------------------------------------

let shownAt = null; // time at which the question became visible; null while it cannot be answered

function address(file) {
  return `images/${file.split("/").map(encodeURIComponent).join("/")}`;
}

function files(trial) {
  if (study.task) return taskFiles(trial);
  return study.study === "likert" ? [trial.image_url] : [trial.GT, trial.OPTION1, trial.OPTION2];
}

// Pictures by address, fetched and decoded once; a failed one is forgotten to be tried again.
const decoded = new Map();

function decode(file) {
  if (!decoded.has(file)) {
    const image = new Image();
    image.src = address(file);
    const done = image.decode().then(
      () => image, // kept, so that the browser keeps its pixels
      (error) => {
        decoded.delete(file);
        throw error;
      },
    );
    decoded.set(file, done);
  }
  return decoded.get(file);
}

function preload(first) {
  for (const trial of state.trials.slice(first, first + PRELOADED)) {
    for (const file of files(trial)) decode(file).catch(() => {}); // reported when it is its turn
  }
}

async function showQuestion() {
  const number = state.answers.length;
  const count = state.trials.length;
  if (number === count) {
    finish();
    return;
  }
  const trial = state.trials[number];
  shownAt = null;
  element("missing").hidden = true;
  try {
    await Promise.all(files(trial).map(decode));
  } catch {
    element("pictures").replaceChildren();
    element("missing").hidden = false;
    show("question");
    return;
  }
  element("progress").max = count;
  element("progress").value = number;
  element("question-heading").textContent = `Question ${number + 1} of ${count}`;
  element("prompt").textContent = study.task ? taskPrompt(trial) : study.prompt;
  element("keys").textContent = study.keys;
  showPictures(element("pictures"), trial, "button");
  if (study.task) showTaskAnswers(element("answers"), trial);
  for (const [index, button] of answerButtons().entries()) {
    button.onclick = () => answer(index + 1);
  }
  show("question");
  document.body.classList.remove("pointed");
  shownAt = performance.now();
  preload(number + 1);
}

// The two pictures, or the five steps of the scale.
function answerButtons() {
  return [...document.querySelectorAll("#pictures button, #answers button")];
}

element("answers").append(
  ...study.ratings.map((label, index) => {
    const button = document.createElement("button");
    button.textContent = `${index + 1}  ${label}`;
    return button;
  }),
);

function answer(value) {
  if (shownAt === null) return;
  state.answers.push({ answer: value, ms: Math.round(performance.now() - shownAt) });
  save();
  showQuestion();
}

element("reload").onclick = showQuestion;

document.addEventListener("pointermove", (event) => {
  const moved = event.movementX || event.movementY; // else only what is below it has changed
  document.body.classList.toggle("pointed", Boolean(moved) && event.pointerType === "mouse");
});

document.addEventListener("keydown", (event) => {
  if (element("question").hidden || event.repeat) return;
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const arrows = answerButtons().length === 2 ? { ArrowLeft: 1, ArrowRight: 2 } : {};
  const letters = study.task?.letters ?? {};
  const value = letters[event.key.toLowerCase()] ?? arrows[event.key] ?? Number(event.key);
  if (answerButtons()[value - 1]) {
    event.preventDefault();
    answer(value);
  }
});

startStudy({
  planTrials,
  showQuestion,
  showExample() {
    showPictures(element("example"), makeTrial(study.example, 0, "attention"), "figure");
    if (study.study === "pairwise") element("example").children[1].classList.add("right");
    element("example-text").textContent = study.example_text;
  },
  columns: study.task ? TASK_COLUMNS : RESULT_COLUMNS,
});
