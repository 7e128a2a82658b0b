// What is known of a mesh beyond its vertices, as model/mesh.py.

// Unit normals [3, V] of vertices [3, V]: the mean of the faces' normals, weighted by area.
export function vertexNormals(vertices, faces) {
  const count = vertices.length / 3;
  const normals = new Float64Array(vertices.length);
  for (let f = 0; f < faces.length; f += 3) {
    const [a, b, c] = [faces[f], faces[f + 1], faces[f + 2]];
    const ux = vertices[b] - vertices[a];
    const uy = vertices[count + b] - vertices[count + a];
    const uz = vertices[2 * count + b] - vertices[2 * count + a];
    const vx = vertices[c] - vertices[a];
    const vy = vertices[count + c] - vertices[count + a];
    const vz = vertices[2 * count + c] - vertices[2 * count + a];
    const [x, y, z] = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
    for (const corner of [a, b, c]) {
      normals[corner] += x;
      normals[count + corner] += y;
      normals[2 * count + corner] += z;
    }
  }
  for (let v = 0; v < count; v++) {
    const [x, y, z] = [normals[v], normals[count + v], normals[2 * count + v]];
    const length = Math.sqrt(x * x + y * y + z * z); // Math.hypot is many times slower
    const scale = 1 / Math.max(length, 1e-6);
    for (let axis = 0; axis < 3; axis++) normals[axis * count + v] *= scale;
  }
  return normals;
}
