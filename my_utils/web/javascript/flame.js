// FLAME, as model/flame.py: the parameters of a face, its mesh, and its albedo.

import {
  BlendShapes, addBlendShapes, jointPositions, rigidTransforms, rodrigues, skin,
} from "./lbs.js";

// The 236 numbers of a face, in the order of constants.FLAME_SLICES.
export const FIELDS = { shape: 100, expression: 50, pose: 6, camera: 3, texture: 50, lighting: 27 };

const JAW = 2; // FLAME's joints: root, neck, jaw, eyes

// One face {shape, expression, ...} of a vector; the arrays are copies.
export function fromVector(vector) {
  const params = {};
  let start = 0;
  for (const [name, length] of Object.entries(FIELDS)) {
    params[name] = Float32Array.from(vector.subarray(start, start + length));
    start += length;
  }
  return params;
}

export function toVector(params) {
  return Float32Array.from(Object.keys(FIELDS).flatMap((name) => [...params[name]]));
}

export class Flame {
  // head: the arrays that my_utils/web/head.py packed.
  constructor(head) {
    this.head = head;
    this.parents = [...head.parents];
    this.shapes = new BlendShapes(head.v_template, head.shapedirs, head.shapedirs_unit[0]);
  }

  // Posed vertices [3, V] in metres; neck 3 and eyes 6 numbers, axis-angle in radians.
  vertices(params, neck, eyes) {
    const { head } = this;
    const shaped = Float64Array.from(this.shapes.at([...params.shape, ...params.expression]));
    const joints = jointPositions(head.J_regressor, shaped);

    const pose = this.parents.map(() => [0, 0, 0]);
    pose[0] = [...params.pose.subarray(0, 3)];
    pose[1] = [...neck];
    pose[JAW] = [...params.pose.subarray(3)];
    pose[3] = [...eyes.subarray(0, 3)];
    pose[4] = [...eyes.subarray(3)];
    const rotations = pose.map(rodrigues);
    const feature = rotations
      .slice(1)
      .flatMap((rotation) => rotation.map((value, i) => value - (i % 4 === 0 ? 1 : 0)));
    addBlendShapes(shaped, feature, head.posedirs, head.posedirs_unit[0]);
    return skin(shaped, head.lbs_weights, rigidTransforms(rotations, joints, this.parents));
  }
}

export class FlameTexture {
  constructor(head) {
    this.size = Math.sqrt(head.texture_mean.length / 3);
    const unit = head.texture_unit[0];
    this.albedo = new BlendShapes(head.texture_mean, head.texture_directions, unit);
  }

  // Albedo [3, size, size], RGB, 0..255; the same array each time.
  sample(codes) {
    return this.albedo.at(codes);
  }
}
