// What the generator is conditioned on, as model/condition.py.

// The condition of a kind as Float32Array: renderings [C, R, R] in [-1, 1], or the 236 numbers.
// image and normalMap hold levels 0..255 at size x size pixels.
export function buildCondition(kind, { image, normalMap, vector }, size, resolution) {
  if (kind === "vector") return vector;
  const parts = [];
  if (kind.includes("render")) parts.push(image);
  if (kind.includes("normal")) parts.push(normalMap);
  const condition = new Float32Array(parts.length * 3 * resolution * resolution);
  parts.forEach((levels, i) => {
    condition.set(shrink(levels, size, resolution), (i * condition.length) / parts.length);
  });
  return condition;
}

// Planes of levels as numbers in [-1, 1], reduced by averaging whole boxes of pixels.
function shrink(levels, size, resolution) {
  const box = size / resolution;
  const shrunk = new Float32Array(3 * resolution * resolution);
  for (let pixel = 0; pixel < shrunk.length; pixel++) {
    const column = pixel % resolution;
    const start = (pixel - column) * box * box + column * box; // of the box, in the larger picture
    let sum = 0;
    for (let line = start; line < start + box * size; line += size) {
      for (let i = line; i < line + box; i++) sum += levels[i];
    }
    shrunk[pixel] = (sum / (box * box) / 255) * 2 - 1;
  }
  return shrunk;
}
