// Builds the page's buttons and sliders; what they do is given to them.

// One row of buttons {name: action}, each with its key where keys has one.
export function buttonRow(actions, { label, keys = {} } = {}) {
  const row = document.createElement("div");
  row.className = "buttons";
  if (label) row.append(make("span", { textContent: label }));
  for (const [name, action] of Object.entries(actions)) {
    const button = make("button", { type: "button", textContent: name, onclick: action });
    button.dataset.name = name;
    if (keys[name]) button.append(make("kbd", { textContent: keys[name].toUpperCase() }));
    row.append(button);
  }
  return row;
}

// The actions by key, but for keys that are typed into a field.
export function listenToKeys(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.matches("input[type=number]")) return;
    const action = actions[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

// A slider {name, low, high, step, hint}; change(value) is called as it moves, reset() to begin
// again. Its show(value) moves it.
export class SliderRow {
  constructor({ name, low, high, step, hint }, change, reset) {
    const id = `slider-${name.replaceAll(" ", "-")}`;
    const label = make("label", { htmlFor: id, textContent: name, title: hint });
    const attributes = { id, type: "range", min: low, max: high, step, title: hint };
    this.input = make("input", attributes);
    this.output = make("output", { htmlFor: id });
    this.digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
    this.input.oninput = () => change(Number(this.input.value));
    this.input.ondblclick = reset;
    this.input.onkeydown = (event) => {
      if (event.key === "Delete") reset();
    };
    this.element = make("div", { className: "slider" });
    this.element.append(label, this.input, this.output);
  }

  show(value) {
    const text = value.toFixed(this.digits);
    this.input.value = value;
    this.output.value = /^-0(\.0*)?$/.test(text) ? text.slice(1) : text;
  }
}

// A folder that opens and closes.
export function folder(title, rows, { open = false, note } = {}) {
  const details = make("details", { open });
  details.append(make("summary", { textContent: title }), ...rows);
  if (note) details.append(make("p", { className: "note", textContent: note }));
  return details;
}

// A labelled input of another kind.
export function field(label, attributes) {
  const input = make("input", attributes);
  const row = make("label", { className: "field" });
  row.append(input, label);
  return { element: row, input };
}

function make(tag, attributes) {
  return Object.assign(document.createElement(tag), attributes);
}
