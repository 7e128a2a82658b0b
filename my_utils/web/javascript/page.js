// The page: sliders, people, names, undo, files; see state.js for what the sliders stand for.

import { DrawingClient, NewestDrawing, readSettings } from "./client.js";
import { buttonRow, field, folder, listenToKeys, SliderRow } from "./controls.js";
import { fromVector } from "./flame.js";
import { readParams, writeParams } from "./npz.js";
import { randomPerson, randomSeed } from "./people.js";
import { showFace, showLevels } from "./pictures.js";
import { FaceState, History } from "./state.js";

const OPEN_FOLDERS = ["Head pose (degrees)", "Style and camera"];
const STYLE_AND_CAMERA = "Style and camera";
const KEYS = {
  "New person": "n", "New style": "s", Undo: "z", Redo: "y", Reset: "r",
  "Save picture": "p", "Save parameters": "x", "Load parameters": "l",
};

const settings = readSettings();
const element = (id) => document.getElementById(id);
const defaults = { seed: 0, truncation: 1, centerEyes: true };
const start = FaceState.of(Float32Array.from(settings.start), defaults);
const history = new History(start);
let origin = start; // where Reset and a double click go back to

// ---- Drawing ----------------------------------------------------------------------------------

const client = new DrawingClient((step) => (element("step").textContent = step));
const newest = new NewestDrawing(client, showDrawing, (error) =>
  complain(`This face could not be drawn: ${error.message}`),
);
client.ready
  .catch((error) => complain(`The generator could not be started: ${error.message}`))
  .finally(() => (element("starting").hidden = true));

function showDrawing(state, drawing, ms) {
  showFace(element("face"), drawing.face);
  showLevels(element("rendering"), drawing.image);
  showLevels(element("normals"), drawing.normalMap);
  element("speed").textContent = `${Math.round(ms)} ms a face.`;
}

function refresh() {
  newest.ask(history.state);
}

function complain(text) {
  element("alert").textContent = text;
}

// ---- What a person does -----------------------------------------------------------------------

// An action after which the controls move to its result.
function then(action) {
  return async () => {
    complain("");
    await action();
    showValues();
    refresh();
  };
}

function go(vector, seed, centerEyes) {
  const { Truncation } = history.state.values;
  origin = FaceState.of(vector, { seed, truncation: Truncation, centerEyes });
  history.set(origin);
}

function newPerson() {
  const seed = randomSeed();
  go(randomPerson(seed, settings), seed, true);
}

function express({ components, jaw }) {
  const values = { Jaw: jaw };
  for (const name of Object.keys(history.state.values)) {
    const [label, number] = name.split(" ");
    if (label === "Expression") values[name] = components[number - 1] ?? 0;
  }
  history.set(history.state.change(values));
}

function reset() {
  origin = start;
  history.set(start);
}

function savePicture() {
  element("face").toBlob((blob) => download(blob, "face.png"));
}

// Neck and eyes at rest, as parameter files hold them, seen by the camera that is shown.
async function saveParameters() {
  const face = history.state.atRest().face();
  const { camera } = await client.draw(face);
  const bytes = writeParams({ ...face.params, camera }, face.seed);
  download(new Blob([bytes]), "params.npz");
}

async function loadParameters() {
  const [file] = element("file").files;
  element("file").value = "";
  if (!file) return;
  try {
    const faces = readParams(new Uint8Array(await file.arrayBuffer()));
    const [{ vector, seed }] = faces;
    go(vector, seed, false);
    if (faces.length > 1) complain(`The first of the ${faces.length} faces in ${file.name}.`);
  } catch (error) {
    complain(`${file.name}: ${error.message}`);
  }
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// ---- The controls -----------------------------------------------------------------------------

const actions = {
  "New person": then(newPerson),
  "New style": then(() => history.set(history.state.change({ "Style seed": randomSeed() }))),
  Undo: then(() => history.undo()),
  Redo: then(() => history.redo()),
  Reset: then(reset),
  "Save picture": savePicture,
  "Save parameters": saveParameters,
  "Load parameters": () => element("file").click(),
};
element("actions").replaceWith(buttonRow(actions, { keys: KEYS }));
listenToKeys(Object.fromEntries(Object.entries(KEYS).map(([name, key]) => [key, actions[name]])));
element("file").onchange = then(loadParameters);
element("presets").append(...presetRows());

function presetRows() {
  const choose = (choices, action) =>
    Object.fromEntries(Object.entries(choices).map(([name, chosen]) => [name, then(() => action(chosen))]));
  const light = (lighting) => history.set(history.state.withLighting(lighting));
  return [
    buttonRow(choose(settings.expressions, express), { label: "Expression" }),
    buttonRow(choose(settings.lights, light), { label: "Light" }),
  ];
}

const sliders = {};
const seedField = field("Style seed: hair, background, all that the mesh does not hold", {
  id: "seed", type: "number", min: 0, max: Number.MAX_SAFE_INTEGER, step: 1,
});
const eyesField = field("Centre the eyes, as in the training photographs", {
  id: "center-eyes", type: "checkbox",
});
seedField.input.onchange = then(() => {
  const seed = Math.trunc(Math.abs(Number(seedField.input.value)));
  history.change("Style seed", Number.isSafeInteger(seed) ? seed : 0);
});
eyesField.input.onchange = then(() => history.change("Centre eyes", eyesField.input.checked));

for (const [title, contents] of Object.entries(settings.sliders)) {
  const rows = contents.map((slider) => {
    const change = (value) => {
      history.change(slider.name, value);
      sliders[slider.name].show(value);
      refresh();
    };
    const back = then(() => history.change(slider.name, origin.values[slider.name]));
    sliders[slider.name] = new SliderRow(slider, change, back);
    return sliders[slider.name].element;
  });
  if (title === STYLE_AND_CAMERA) rows.push(seedField.element, eyesField.element);
  const options = { open: OPEN_FOLDERS.includes(title), note: settings.notes[title] };
  element("folders").append(folder(title, rows, options));
}

function showValues() {
  const { values } = history.state;
  for (const [name, slider] of Object.entries(sliders)) slider.show(values[name]);
  seedField.input.value = values["Style seed"];
  eyesField.input.checked = values["Centre eyes"];
}

showValues();
refresh();

// For the console and for experiments: draws a face of 236 numbers, without changing what is shown.
globalThis.drawFace = async (vector, seed, options = {}) => {
  const { truncation = 1, centerEyes = false, neck = [0, 0, 0], eyes = [0, 0, 0, 0, 0, 0] } = options;
  await client.ready;
  return client.draw({
    params: fromVector(Float32Array.from(vector)),
    neck: Float32Array.from(neck),
    eyes: Float32Array.from(eyes),
    seed,
    truncation,
    centerEyes,
    zoom: 1,
  });
};
