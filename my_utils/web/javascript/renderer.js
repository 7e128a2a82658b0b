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
    // Filled anew for each pixel.
    const [normal, uv, colour, shading] = [3, 2, 3, 3].map((length) => new Float64Array(length));
    for (let pixel = 0; pixel < pixels; pixel++) {
      if (face[pixel] < 0) continue;
      interpolate(normals, head.faces, face[pixel], barycentric, pixel, normal);
      interpolate(head.uv, head.uv_faces, face[pixel], barycentric, pixel, uv);
      sphericalHarmonicsShading(normal, params.lighting, shading);
      sampleBilinear(albedo, this.texture.size, uv[0], uv[1], colour);
      for (let channel = 0; channel < 3; channel++) {
        image[channel * pixels + pixel] = quantise(colour[channel] * shading[channel]);
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

// An attribute [planes, V] at a pixel, into `value`.
function interpolate(attribute, faces, face, barycentric, pixel, value) {
  const count = attribute.length / value.length;
  const [a, b, c] = [faces[3 * face], faces[3 * face + 1], faces[3 * face + 2]];
  for (let plane = 0; plane < value.length; plane++) {
    const start = plane * count;
    value[plane] =
      attribute[start + a] * barycentric[3 * pixel] +
      attribute[start + b] * barycentric[3 * pixel + 1] +
      attribute[start + c] * barycentric[3 * pixel + 2];
  }
}

// Of a unit normal under lighting [9, 3], into `shading`.
function sphericalHarmonicsShading([x, y, z], lighting, shading) {
  const basis = [1, x, y, z, x * y, x * z, y * z, x * x - y * y, 3 * z * z - 1];
  shading.fill(0);
  for (let k = 0; k < 9; k++) {
    const factor = basis[k] * SH_FACTORS[k];
    for (let channel = 0; channel < 3; channel++) {
      shading[channel] += factor * lighting[3 * k + channel];
    }
  }
}

// Into `colour`, as grid_sample with align_corners=False and zeros outside; x and y in [-1, 1].
function sampleBilinear(image, size, x, y, colour) {
  const [u, v] = [((x + 1) * size - 1) / 2, ((y + 1) * size - 1) / 2];
  const [left, top] = [Math.floor(u), Math.floor(v)];
  colour.fill(0);
  for (let row = top; row <= top + 1; row++) {
    if (row < 0 || row >= size) continue;
    for (let column = left; column <= left + 1; column++) {
      if (column < 0 || column >= size) continue;
      const weight = (1 - Math.abs(row - v)) * (1 - Math.abs(column - u));
      const texel = row * size + column;
      for (let channel = 0; channel < 3; channel++) {
        colour[channel] += image[channel * size * size + texel] * weight;
      }
    }
  }
}
