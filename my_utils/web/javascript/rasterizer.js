// Which face is seen at each pixel, with the conventions of model/rasterizer.py: samples at pixel
// centres, faces own their edges, the lower face wins where depths (in float32) are equal.

// projected: [3, V] image plane and depth. Returns the face at each pixel (-1 for none) and its
// three barycentric coordinates.
export function rasterize(projected, faces, size) {
  const points = toPixels(projected, size);
  const face = nearestFaces(points, faces, size);
  const barycentric = new Float64Array(3 * size * size);
  for (let pixel = 0; pixel < face.length; pixel++) {
    if (face[pixel] >= 0) locate(points, faces, face[pixel], pixel, size, barycentric);
  }
  return { face, barycentric };
}

// Pixel centres are on integers.
function toPixels(projected, size) {
  const count = projected.length / 3;
  const points = Float64Array.from(projected);
  for (let i = 0; i < 2 * count; i++) points[i] = ((points[i] + 1) * size) / 2 - 0.5;
  return points;
}

function nearestFaces(points, faces, size) {
  const count = points.length / 3;
  const nearest = new Float32Array(size * size).fill(Infinity);
  const seen = new Int32Array(size * size).fill(-1);
  for (let f = 0; f < faces.length; f += 3) {
    const [top, middle, bottom] = byHeight(points, count, faces[f], faces[f + 1], faces[f + 2]);
    if (hasNoArea(points, count, top, middle, bottom)) continue;
    const firstRow = Math.max(0, Math.ceil(points[count + top]));
    const lastRow = Math.min(size - 1, Math.floor(points[count + bottom]));
    for (let row = firstRow; row <= lastRow; row++) {
      // The long edge crosses every row, above the middle corner the first short one.
      const second = row >= points[count + middle];
      const [upper, lower] = second ? [middle, bottom] : [top, middle];
      const one = crossing(points, count, top, bottom, row);
      const other = crossing(points, count, upper, lower, row);
      const first = Math.max(0, Math.ceil(Math.min(one, other)));
      const last = Math.min(size - 1, Math.floor(Math.max(one, other)));
      if (first > last) continue;
      const depth = crossingDepth(points, count, top, bottom, row);
      const otherDepth = crossingDepth(points, count, upper, lower, row);
      const slope = one === other ? 0 : (otherDepth - depth) / (other - one);
      for (let column = first; column <= last; column++) {
        const at = Math.fround(depth + (column - one) * slope);
        const pixel = row * size + column;
        if (at < nearest[pixel]) {
          nearest[pixel] = at;
          seen[pixel] = f / 3;
        }
      }
    }
  }
  return seen;
}

function byHeight(points, count, a, b, c) {
  if (points[count + a] > points[count + b]) [a, b] = [b, a];
  if (points[count + b] > points[count + c]) [b, c] = [c, b];
  if (points[count + a] > points[count + b]) [a, b] = [b, a];
  return [a, b, c];
}

function hasNoArea(points, count, a, b, c) {
  const area =
    (points[b] - points[a]) * (points[count + c] - points[count + a]) -
    (points[c] - points[a]) * (points[count + b] - points[count + a]);
  return area === 0 || !Number.isFinite(area);
}

// x where an edge crosses a row: computed from the edge alone, so that neighbours agree.
function crossing(points, count, upper, lower, row) {
  const [upperY, lowerY] = [points[count + upper], points[count + lower]];
  if (row === upperY) return points[upper];
  if (row === lowerY) return points[lower];
  return (points[upper] * (lowerY - row) + points[lower] * (row - upperY)) / (lowerY - upperY);
}

function crossingDepth(points, count, upper, lower, row) {
  const [upperY, lowerY] = [points[count + upper], points[count + lower]];
  const [upperZ, lowerZ] = [points[2 * count + upper], points[2 * count + lower]];
  if (lowerY === upperY) return upperZ;
  return upperZ + ((lowerZ - upperZ) * (row - upperY)) / (lowerY - upperY);
}

// Barycentric coordinates of a pixel's centre, by the edge functions.
function locate(points, faces, face, pixel, size, barycentric) {
  const count = points.length / 3;
  const column = pixel % size;
  const row = (pixel - column) / size;
  const [a, b, c] = [faces[3 * face], faces[3 * face + 1], faces[3 * face + 2]];
  const [ax, ay] = [points[a] - column, points[count + a] - row];
  const [bx, by] = [points[b] - column, points[count + b] - row];
  const [cx, cy] = [points[c] - column, points[count + c] - row];
  const [ofA, ofB, ofC] = [bx * cy - cx * by, cx * ay - ax * cy, ax * by - bx * ay];
  const sign = Math.sign(ofA + ofB + ofC);
  const weightA = Math.max(ofA * sign, 0);
  const weightB = Math.max(ofB * sign, 0);
  const weightC = Math.max(ofC * sign, 0);
  const sum = weightA + weightB + weightC;
  barycentric[3 * pixel] = sum > 0 ? weightA / sum : 1 / 3;
  barycentric[3 * pixel + 1] = sum > 0 ? weightB / sum : 1 / 3;
  barycentric[3 * pixel + 2] = sum > 0 ? weightC / sum : 1 / 3;
}
