// The method of adjustment: participants set sliders until a face matches a picture or a word.
// It follows my_utils/study/session.js in the same script, and is one study of its page.

import { DrawingClient, NewestDrawing, readSettings } from "./client.js";
import { SliderRow } from "./controls.js";
import { toVector } from "./flame.js";
import { showFace } from "./pictures.js";
import { FaceState } from "./state.js";

/* global element, finish, randomBelow, randomNumbers, save, show, shuffled, startStudy, state, study */

const settings = readSettings();
const sliders = Object.fromEntries(
  Object.values(settings.sliders).flat().map((slider) => [slider.name, slider]),
);
const canvas = { own: makeCanvas("The face to set"), target: makeCanvas("The face to match") };
const done = document.createElement("button");
done.className = "main";
done.textContent = "Done";

let current = null; // {trial, face, target, moves, shownAt, drawing} of the question on the screen

const client = new DrawingClient(() => {});
client.ready.catch((error) => {
  element("notice").textContent = `The faces cannot be drawn in this browser: ${error.message}`;
});
const own = new NewestDrawing(client, showOwn, fail);
const target = new NewestDrawing(client, (_, { face }) => showFace(canvas.target, face), fail);

function fail(error) {
  element("notice").textContent = `A face could not be drawn: ${error.message}`;
}

// Every task once, in random order, and then some of them again; sliders start anywhere.
function planTrials(seed) {
  const random = randomNumbers(seed);
  const once = shuffled(study.questions, random).slice(0, study.trials);
  const again = shuffled(once, random).slice(0, study.repeats);
  return [...once.map((task) => [task, false]), ...again.map((task) => [task, "repeat"])].map(
    ([{ name, word, factors }, check], index) => ({
      trial: index + 1,
      name,
      word,
      check,
      start: Object.fromEntries(factors.map((factor) => [factor, anywhere(factor, random)])),
    }),
  );
}

function anywhere(factor, random) {
  const { low, high, step } = sliders[factor];
  const steps = Math.round((high - low) / step);
  return low + step * randomBelow(steps + 1, random);
}

function showQuestion() {
  const number = state.answers.length;
  if (number === state.trials.length) {
    finish();
    return;
  }
  const trial = state.trials[number];
  const task = study.questions.find(({ name }) => name === trial.name);
  const base = FaceState.of(Float32Array.from(task.vector), {
    seed: task.style_seed,
    truncation: 1,
    centerEyes: task.center_eyes,
  });
  current = { trial, base, face: base.change(trial.start), moves: 0, drawing: null };
  element("progress").max = state.trials.length;
  element("progress").value = number;
  element("question-heading").textContent = `Face ${number + 1} of ${state.trials.length}`;
  element("prompt").textContent = trial.word ? `${study.word_prompt} ${trial.word}` : study.prompt;
  element("keys").textContent = study.keys;
  element("pictures").className = "pictures adjust";
  element("pictures").replaceChildren(
    ...(trial.word ? [canvas.own] : [canvas.target, canvas.own]).map(({ parentNode }) => parentNode),
  );
  element("answers").className = "adjust-answers";
  element("answers").replaceChildren(...task.factors.map(sliderRow), done);
  done.disabled = true;
  if (!trial.word) target.ask(base);
  own.ask(current.face);
  show("question");
  current.shownAt = performance.now();
}

// A slider without its number, which would be remembered from face to face.
function sliderRow(factor) {
  const change = (value) => {
    current.face = current.face.change({ [factor]: value });
    current.moves += 1;
    done.disabled = true; // until it is drawn
    own.ask(current.face);
  };
  const row = new SliderRow(sliders[factor], change, () => {});
  row.show(current.face.values[factor]);
  row.output.hidden = true;
  return row.element;
}

function showOwn(face, drawing) {
  showFace(canvas.own, drawing.face);
  current.drawing = drawing;
  done.disabled = face !== current.face || current.moves === 0;
}

done.onclick = () => {
  const { trial, base, face, drawing, moves, shownAt } = current;
  const chosen = (state_) =>
    Object.fromEntries(Object.keys(trial.start).map((factor) => [factor, state_.values[factor]]));
  state.answers.push({
    values: chosen(face),
    target: trial.word ? null : chosen(base),
    vector: [...toVector({ ...face.params(), camera: drawing.camera })],
    style_seed: face.values["Style seed"],
    moves,
    ms: Math.round(performance.now() - shownAt),
  });
  save();
  showQuestion();
};

function makeCanvas(name) {
  const picture = document.createElement("figure");
  const made = document.createElement("canvas");
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", name);
  const caption = document.createElement("figcaption");
  caption.textContent = name;
  picture.append(made, caption);
  return made;
}

startStudy({
  planTrials,
  showQuestion,
  showExample() {
    for (const part of [element("example"), element("example").previousElementSibling]) {
      part.hidden = true;
    }
  },
  columns: null, // parameters are no table
});
