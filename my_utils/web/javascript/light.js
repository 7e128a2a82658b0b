// Turns and dims a light of nine spherical harmonics, as my_utils/viewer/light.py.

import { apply, multiply } from "./lbs.js";
import { SH_FACTORS } from "./renderer.js";
import { fromAngles, transposed } from "./rotation.js";

// The quadratic harmonics as symmetric matrices M: n' M n is their shading of a unit normal n.
const [XY, XZ, YZ, XX_YY, ZZ] = SH_FACTORS.slice(4);
const QUADRATIC = [
  [0, XY / 2, 0, XY / 2, 0, 0, 0, 0, 0],
  [0, 0, XZ / 2, 0, 0, 0, XZ / 2, 0, 0],
  [0, 0, 0, 0, 0, YZ / 2, 0, YZ / 2, 0],
  [XX_YY, 0, 0, 0, -XX_YY, 0, 0, 0, 0],
  [-ZZ, 0, 0, 0, -ZZ, 0, 0, 0, 2 * ZZ],
];

// Azimuth and elevation in degrees from which most light comes; lighting [9, 3].
export function lightDirection(lighting) {
  const [x, y, z] = [1, 2, 3].map(
    (k) => lighting[3 * k] + lighting[3 * k + 1] + lighting[3 * k + 2],
  );
  const degrees = 180 / Math.PI;
  return [Math.atan2(x, z) * degrees, Math.atan2(y, Math.hypot(x, z)) * degrees];
}

// The same light from another direction, its directional and its ambient part scaled.
export function adjustLight(lighting, { azimuth, elevation, strength, ambient }) {
  const own = fromAngles(lightDirection(lighting)[0], -lightDirection(lighting)[1], 0);
  const rotation = multiply(fromAngles(azimuth, -elevation, 0), transposed(own));
  const turnedQuadratic = QUADRATIC.map((matrix) =>
    multiply(multiply(rotation, matrix), transposed(rotation)),
  );
  const adjusted = new Float32Array(27);
  for (let channel = 0; channel < 3; channel++) {
    const column = Array.from({ length: 9 }, (_, k) => lighting[3 * k + channel]);
    const linear = apply(rotation, column.slice(1, 4));
    const quadratic = QUADRATIC.map((matrix) =>
      turnedQuadratic.reduce((sum, turned, k) => sum + dot(matrix, turned) * column[4 + k], 0),
    );
    const square = dot(QUADRATIC[0], QUADRATIC[0]); // all five are equally long
    const turned = [...linear, ...quadratic.map((value) => value / square)];
    adjusted[channel] = ambient * column[0];
    turned.forEach((value, k) => (adjusted[3 * (k + 1) + channel] = strength * value));
  }
  return adjusted;
}

function dot(a, b) {
  return a.reduce((sum, value, i) => sum + value * b[i], 0);
}
