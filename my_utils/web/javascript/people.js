// Random people in the ranges of the published samples, as random_params of my_utils/faces/sampling.

import { fromVector, toVector } from "./flame.js";
import { mersenneTwister } from "./style.js";

const COMPONENTS = 3; // of shape and expression
const YAW = 22.5; // degrees to either side
const JAW = 15; // degrees at most

// The vector of the person of a seed; settings bring the start and the lights to choose from.
export function randomPerson(seed, settings) {
  const random = mersenneTwister(seed);
  const uniform = (low, high) => low + ((high - low) * random()) / 2 ** 32;
  const normal = () =>
    Math.sqrt(-2 * Math.log(1 - uniform(0, 1))) * Math.cos(uniform(0, 2 * Math.PI));
  const params = fromVector(Float32Array.from(settings.start));
  params.lighting.set(settings.lightings[Math.floor(uniform(0, settings.lightings.length))]);
  for (let k = 0; k < COMPONENTS; k++) {
    params.shape[k] = normal();
    params.expression[k] = normal();
  }
  params.texture = params.texture.map(normal);
  params.pose[1] = (uniform(-YAW, YAW) * Math.PI) / 180;
  params.pose[3] = (uniform(0, JAW) * Math.PI) / 180;
  return toVector(params);
}

export function randomSeed() {
  return crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000;
}
