// The generator, which onnxruntime-web runs: on the GPU where the runtime and the browser can, else
// on one thread of the CPU.

import * as ort from "onnxruntime";

import { seededZ } from "./style.js";

export class Generator {
  constructor(session, settings) {
    this.session = session;
    this.settings = settings;
  }

  // runtime, graph and weights: Uint8Arrays; settings: those of the page.
  static async load(runtime, graph, weights, settings) {
    ort.env.wasm.wasmBinary = runtime;
    ort.env.wasm.numThreads = 1; // more need a server that isolates the page
    const options = { externalData: [{ path: settings.weights_file, data: weights }] };
    const providers = settings.webgpu && navigator.gpu ? ["webgpu", "wasm"] : ["wasm"];
    const session = await ort.InferenceSession.create(graph, {
      ...options,
      executionProviders: providers,
    });
    return new Generator(session, settings);
  }

  // The face of a style seed and a condition: Float32Array [3, R, R], in [-1, 1] but for overshoot.
  async generate(seed, condition, truncation) {
    const { z_dim, condition_shape } = this.settings;
    const inputs = {
      z: new ort.Tensor("float32", seededZ(seed, z_dim), [1, z_dim]),
      condition: new ort.Tensor("float32", condition, [1, ...condition_shape]),
    };
    if (this.session.inputNames.includes("truncation_psi")) {
      inputs.truncation_psi = new ort.Tensor("float32", [truncation], []);
    }
    const { image } = await this.session.run(inputs);
    return image.data;
  }
}
