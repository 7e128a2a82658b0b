// From the parameters of a face to its pictures, as FaceSynthesizer of my_utils/faces does it.

import { fitCameraToHead } from "./camera.js";
import { buildCondition } from "./condition.js";
import { toVector } from "./flame.js";
import { Generator } from "./generator.js";
import { readTensors, unpack } from "./pack.js";
import { FaceRenderer } from "./renderer.js";

export class FaceDrawer {
  constructor(renderer, generator, settings) {
    this.renderer = renderer;
    this.generator = generator;
    this.settings = settings;
  }

  // The parts of the page, as base64; report(text) is called before each step.
  static async load({ runtime, graph, weights, head, settings }, report) {
    report("Unpacking the head");
    const tensors = readTensors(await unpack(head));
    report("Unpacking the generator");
    const [graphBytes, weightBytes] = [await unpack(graph), await unpack(weights)];
    report("Unpacking the runtime");
    const runtimeBytes = await unpack(runtime);
    report("Starting the generator");
    const generator = await Generator.load(runtimeBytes, graphBytes, weightBytes, settings);
    return new FaceDrawer(new FaceRenderer(tensors, settings.render_size), generator, settings);
  }

  // face: {params, neck, eyes, seed, truncation, centerEyes, zoom}. Returns the camera in use, the
  // condition, the face [3, R, R] in [-1, 1], and its two renderings in levels 0..255.
  async draw({ params, neck, eyes, seed, truncation, centerEyes, zoom }) {
    const { settings, renderer } = this;
    const vertices = renderer.flame.vertices(params, neck, eyes);
    const camera = centerEyes ? this.centredCamera(params, vertices) : [...params.camera];
    camera[0] *= zoom;
    const seen = { ...params, camera: Float32Array.from(camera) };
    const renderings = renderer.render(vertices, seen);
    const condition = buildCondition(
      settings.condition,
      { ...renderings, vector: toVector(seen) },
      settings.render_size,
      settings.resolution,
    );
    const face = await this.generator.generate(seed, condition, truncation);
    return { camera: seen.camera, condition, face, ...renderings };
  }

  // The camera that puts the eyes of a head in their place.
  centredCamera(params, vertices) {
    const { eye_vertices, eye_targets } = this.settings;
    const ahead = { ...params, pose: params.pose.map((angle, k) => (k < 3 ? 0 : angle)) };
    const [neck, eyes] = [new Float32Array(3), new Float32Array(6)];
    const frontal = this.renderer.flame.vertices(ahead, neck, eyes);
    return fitCameraToHead(vertices, frontal, eye_vertices, eye_targets);
  }
}
