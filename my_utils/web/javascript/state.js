// What the sliders stand for: the state of one face, as my_utils/viewer/state.py.

import { fromVector, toVector } from "./flame.js";
import { adjustLight, lightDirection } from "./light.js";
import { rodrigues } from "./lbs.js";
import { fromAngles, toAngles, toAxisAngle } from "./rotation.js";

const COEFFICIENTS = { Shape: "shape", Expression: "expression", Texture: "texture" };
const AT_REST = { "Neck yaw": 0, "Neck pitch": 0, "Neck roll": 0, "Eyes yaw": 0, "Eyes pitch": 0 };

export class FaceState {
  // base: Float32Array(236), from which comes what no slider reaches.
  constructor(base, values) {
    this.base = base;
    this.values = values;
    Object.freeze(values);
  }

  // The state that draws these parameters.
  static of(base, { seed, truncation, centerEyes }) {
    const params = fromVector(base);
    const [yaw, pitch, roll] = toAngles(rodrigues(params.pose.subarray(0, 3)));
    const [azimuth, elevation] = lightDirection(params.lighting);
    const values = {
      "Head yaw": yaw, "Head pitch": pitch, "Head roll": roll,
      Jaw: (params.pose[3] * 180) / Math.PI,
      Azimuth: azimuth, Elevation: elevation, Strength: 1, Ambient: 1,
      Truncation: truncation, Zoom: 1,
      "Style seed": seed, "Centre eyes": centerEyes,
      ...AT_REST,
    };
    for (const [label, field] of Object.entries(COEFFICIENTS)) {
      params[field].forEach((value, k) => (values[`${label} ${k + 1}`] = value));
    }
    return new FaceState(base, values);
  }

  // The same face with some values exchanged.
  change(values) {
    return new FaceState(this.base, { ...this.values, ...values });
  }

  atRest() {
    return this.change(AT_REST);
  }

  // The same values over another light.
  withLighting(lighting) {
    const params = { ...fromVector(this.base), lighting: Float32Array.from(lighting) };
    const [azimuth, elevation] = lightDirection(params.lighting);
    const values = { Azimuth: azimuth, Elevation: elevation, Strength: 1, Ambient: 1 };
    return new FaceState(toVector(params), { ...this.values, ...values });
  }

  // What FaceDrawer.draw takes.
  face() {
    const { values } = this;
    const eyes = toAxisAngle(this.rotation("Eyes"));
    return {
      params: this.params(),
      neck: Float32Array.from(toAxisAngle(this.rotation("Neck"))),
      eyes: Float32Array.from([...eyes, ...eyes]),
      seed: values["Style seed"],
      truncation: values.Truncation,
      centerEyes: values["Centre eyes"],
      zoom: values.Zoom,
    };
  }

  params() {
    const { values } = this;
    const params = fromVector(this.base);
    for (const [label, field] of Object.entries(COEFFICIENTS)) {
      params[field] = params[field].map((_, k) => values[`${label} ${k + 1}`]);
    }
    params.pose.set(toAxisAngle(this.rotation("Head")));
    params.pose[3] = (values.Jaw * Math.PI) / 180;
    params.lighting = adjustLight(params.lighting, {
      azimuth: values.Azimuth,
      elevation: values.Elevation,
      strength: values.Strength,
      ambient: values.Ambient,
    });
    return params;
  }

  rotation(name) {
    const angles = ["yaw", "pitch", "roll"].map((angle) => this.values[`${name} ${angle}`] ?? 0);
    return fromAngles(...angles);
  }
}

// A state that remembers what it was.
export class History {
  constructor(state) {
    this.state = state;
    this.past = [];
    this.future = [];
    this.lastName = "";
  }

  // Go on to another state: one step.
  set(state) {
    this.past.push(this.state);
    this.future = [];
    this.state = state;
    this.lastName = "";
  }

  // Exchange one value; changes of the same value in a row, as by dragging, are one step.
  change(name, value) {
    const state = this.state.change({ [name]: value });
    if (name === this.lastName) {
      this.state = state;
    } else {
      this.set(state);
      this.lastName = name;
    }
  }

  undo() {
    this.step(this.past, this.future);
  }

  redo() {
    this.step(this.future, this.past);
  }

  step(source, target) {
    if (source.length === 0) return;
    target.push(this.state);
    this.state = source.pop();
    this.lastName = "";
  }
}
