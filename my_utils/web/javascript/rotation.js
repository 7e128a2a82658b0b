// Rotations as people set them: yaw, then pitch, then roll, in degrees, about the axes y, x and z.

import { multiply, rodrigues } from "./lbs.js";

const DEGREE = Math.PI / 180;

export function fromAngles(yaw, pitch, roll) {
  const turns = [[0, yaw, 0], [pitch, 0, 0], [0, 0, roll]];
  return turns.map((turn) => rodrigues(turn.map((angle) => angle * DEGREE))).reduce(multiply);
}

export function toAngles(matrix) {
  const angles = [
    Math.atan2(matrix[2], matrix[8]),
    Math.asin(Math.min(Math.max(-matrix[5], -1), 1)),
    Math.atan2(matrix[3], matrix[4]),
  ];
  return angles.map((angle) => angle / DEGREE);
}

// The axis-angle vector of a rotation, in radians.
export function toAxisAngle(matrix) {
  const axis = [matrix[7] - matrix[5], matrix[2] - matrix[6], matrix[3] - matrix[1]];
  const sine = Math.hypot(...axis) / 2;
  const angle = Math.atan2(sine, (matrix[0] + matrix[4] + matrix[8] - 1) / 2);
  const scale = sine > 1e-9 ? angle / (2 * sine) : 1 / 2;
  return axis.map((value) => value * scale);
}

export function transposed(matrix) {
  return [0, 3, 6, 1, 4, 7, 2, 5, 8].map((i) => matrix[i]);
}
