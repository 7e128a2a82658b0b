// Linear blend skinning, as model/lbs.py. Points are planar: all x, then all y, then all z.

// A mean and the directions in which it varies. Only what differs from the call before is added, and
// a slider moves one direction.
export class BlendShapes {
  // mean [N]; directions [K, N] in whole units.
  constructor(mean, directions, unit) {
    this.sum = Float64Array.from(mean);
    this.directions = directions;
    this.unit = unit;
    this.coefficients = new Float64Array(directions.length / mean.length);
  }

  // The mean moved by the first coefficients, [N]: the same array each time.
  at(coefficients) {
    const change = this.coefficients.map((old, k) => coefficients[k] - old);
    addBlendShapes(this.sum, change, this.directions, this.unit);
    this.coefficients = Float64Array.from(coefficients.slice(0, change.length));
    return this.sum;
  }
}

// Add coefficients[k] * unit * directions[k] to offsets; directions [K, 3 V] in whole units.
export function addBlendShapes(offsets, coefficients, directions, unit) {
  const count = offsets.length;
  for (let k = 0; k < coefficients.length; k++) {
    const factor = coefficients[k] * unit;
    if (factor === 0) continue;
    const start = k * count;
    for (let i = 0; i < count; i++) offsets[i] += factor * directions[start + i];
  }
}

// The rotation matrix (9 numbers, row by row) of an axis-angle vector in radians.
export function rodrigues([x, y, z]) {
  const angle = Math.hypot(x + 1e-8, y + 1e-8, z + 1e-8);
  [x, y, z] = [x / angle, y / angle, z / angle];
  const sine = Math.sin(angle);
  const versine = 1 - Math.cos(angle);
  const square = x * x + y * y + z * z; // K K = v v' - |v|^2 I
  return [
    1 + versine * (x * x - square), versine * x * y - sine * z, versine * x * z + sine * y,
    versine * x * y + sine * z, 1 + versine * (y * y - square), versine * y * z - sine * x,
    versine * x * z - sine * y, versine * y * z + sine * x, 1 + versine * (z * z - square),
  ];
}

// Joint positions [J][3] as weighted means of the points; regressor [J, V].
export function jointPositions(regressor, points) {
  const vertexCount = points.length / 3;
  const joints = [];
  for (let start = 0; start < regressor.length; start += vertexCount) {
    const joint = [0, 0, 0];
    for (let v = 0; v < vertexCount; v++) {
      const weight = regressor[start + v];
      if (weight === 0) continue;
      for (let axis = 0; axis < 3; axis++) joint[axis] += weight * points[axis * vertexCount + v];
    }
    joints.push(joint);
  }
  return joints;
}

// World rotation (9) and translation (3) of each joint, 12 numbers each: row by row [R | t].
export function rigidTransforms(rotations, joints, parents) {
  const world = [rotations[0]];
  const posed = [joints[0]];
  for (let joint = 1; joint < parents.length; joint++) {
    const parent = parents[joint];
    const bone = joints[joint].map((value, axis) => value - joints[parent][axis]);
    posed.push(apply(world[parent], bone).map((value, axis) => value + posed[parent][axis]));
    world.push(multiply(world[parent], rotations[joint]));
  }
  return world.map((rotation, joint) => {
    const turned = apply(rotation, joints[joint]);
    const rows = [0, 1, 2].map((row) => [
      ...rotation.slice(3 * row, 3 * row + 3),
      posed[joint][row] - turned[row],
    ]);
    return rows.flat();
  });
}

// Points moved by the mean of the transforms, weighted by weights [V, J].
export function skin(points, weights, transforms) {
  const vertexCount = points.length / 3;
  const jointCount = transforms.length;
  const posed = new Float32Array(points.length);
  const mean = new Float64Array(12);
  for (let v = 0; v < vertexCount; v++) {
    mean.fill(0);
    for (let joint = 0; joint < jointCount; joint++) {
      const weight = weights[v * jointCount + joint];
      if (weight === 0) continue;
      const transform = transforms[joint];
      for (let i = 0; i < 12; i++) mean[i] += weight * transform[i];
    }
    const [x, y, z] = [points[v], points[vertexCount + v], points[2 * vertexCount + v]];
    for (let row = 0; row < 3; row++) {
      const i = 4 * row;
      posed[row * vertexCount + v] = mean[i] * x + mean[i + 1] * y + mean[i + 2] * z + mean[i + 3];
    }
  }
  return posed;
}

export function multiply(a, b) {
  const product = [];
  for (let row = 0; row < 9; row += 3) {
    for (let column = 0; column < 3; column++) {
      product.push(a[row] * b[column] + a[row + 1] * b[3 + column] + a[row + 2] * b[6 + column]);
    }
  }
  return product;
}

export function apply(matrix, [x, y, z]) {
  return [0, 3, 6].map((row) => matrix[row] * x + matrix[row + 1] * y + matrix[row + 2] * z);
}
