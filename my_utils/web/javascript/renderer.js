// The two renderings that the generator is shown, as model/renderer.py: whole levels 0..255.

import { orthographicProjection } from "./camera.js";
import { Flame, FlameTexture } from "./flame.js";
import { vertexNormals } from "./mesh.js";
import { rasterize } from "./rasterizer.js";

// Of the nine harmonics: normalisation times the cosine lobe, see model/renderer.py.
export const SH_FACTORS = [
  0.28209479177387814, 1.0233267079464885, 1.0233267079464885, 1.0233267079464885,
  0.8580855308097834, 0.8580855308097834, 0.8580855308097834, 0.4290427654048917,
  0.24770795610037571,
];

export class FaceRenderer {
  constructor(head, size) {
    this.head = head;
    this.size = size;
    this.flame = new Flame(head);
    this.texture = new FlameTexture(head);
  }

  // The renderings of vertices [3, V], each [3, size, size]: RGB, and x y z.
  render(vertices, params) {
    const { head, size } = this;
    const normals = vertexNormals(vertices, head.faces);
    const albedo = this.texture.sample(params.texture);
    const projected = orthographicProjection(vertices, params.camera);
    const { face, barycentric } = rasterize(projected, head.faces, size);
    const pixels = size * size;
    const image = new Uint8ClampedArray(3 * pixels);
    const normalMap = new Uint8ClampedArray(3 * pixels);
    for (let pixel = 0; pixel < pixels; pixel++) {
      if (face[pixel] < 0) continue;
      const weights = barycentric.subarray(3 * pixel, 3 * pixel + 3);
      const normal = interpolate(normals, 3, head.faces, face[pixel], weights);
      const uv = interpolate(head.uv, 2, head.uv_faces, face[pixel], weights);
      const shading = sphericalHarmonicsShading(normal, params.lighting);
      for (let channel = 0; channel < 3; channel++) {
        const plane = channel * this.texture.size ** 2;
        const colour = bilinear(albedo, plane, this.texture.size, uv[0], uv[1]);
        image[channel * pixels + pixel] = quantise(colour * shading[channel]);
        normalMap[channel * pixels + pixel] = quantise(255 * normal[channel]);
      }
    }
    return { image, normalMap };
  }
}

// Rounded down, as the renderings on disk.
function quantise(level) {
  return Math.floor(Math.min(Math.max(level, 0), 255));
}

// An attribute [planes, V] at a point of a face.
function interpolate(attribute, planes, faces, face, weights) {
  const [a, b, c] = [faces[3 * face], faces[3 * face + 1], faces[3 * face + 2]];
  const count = attribute.length / planes;
  const value = [];
  for (let start = 0; start < attribute.length; start += count) {
    value.push(
      attribute[start + a] * weights[0] +
        attribute[start + b] * weights[1] +
        attribute[start + c] * weights[2],
    );
  }
  return value;
}

export function sphericalHarmonicsShading([x, y, z], lighting) {
  const basis = [1, x, y, z, x * y, x * z, y * z, x * x - y * y, 3 * z * z - 1];
  const shading = [0, 0, 0];
  for (let k = 0; k < 9; k++) {
    const factor = basis[k] * SH_FACTORS[k];
    for (let channel = 0; channel < 3; channel++) {
      shading[channel] += factor * lighting[3 * k + channel];
    }
  }
  return shading;
}

// As grid_sample with align_corners=False and zeros outside; x and y in [-1, 1].
function bilinear(image, plane, size, x, y) {
  const [u, v] = [((x + 1) * size - 1) / 2, ((y + 1) * size - 1) / 2];
  const [left, top] = [Math.floor(u), Math.floor(v)];
  let sum = 0;
  for (const [row, rowWeight] of [[top, 1 - (v - top)], [top + 1, v - top]]) {
    if (row < 0 || row >= size) continue;
    for (const [column, weight] of [[left, 1 - (u - left)], [left + 1, u - left]]) {
      if (column < 0 || column >= size) continue;
      sum += image[plane + row * size + column] * rowWeight * weight;
    }
  }
  return sum;
}
