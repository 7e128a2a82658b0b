// The scaled orthographic camera, as model/camera.py.

// Vertices [3, V] on the image plane: s (X + tx), -s (Y + ty), -s Z.
export function orthographicProjection(vertices, [scale, tx, ty]) {
  const count = vertices.length / 3;
  const projected = new Float32Array(vertices.length);
  for (let v = 0; v < count; v++) {
    projected[v] = scale * (vertices[v] + tx);
    projected[count + v] = -scale * (vertices[count + v] + ty);
    projected[2 * count + v] = -scale * vertices[2 * count + v];
  }
  return projected;
}

// The camera whose projection of the eye vertices is closest to the targets [[x, y], [x, y]].
export function fitCameraToEyes(vertices, eyeVertices, targets) {
  const count = vertices.length / 3;
  const points = eyeVertices.map((v) => [vertices[v], -vertices[count + v]]);
  const [pointMean, targetMean] = [mean(points), mean(targets)];
  let [product, square] = [0, 0];
  for (const [i, point] of points.entries()) {
    for (let axis = 0; axis < 2; axis++) {
      const offset = point[axis] - pointMean[axis];
      product += offset * (targets[i][axis] - targetMean[axis]);
      square += offset * offset;
    }
  }
  const scale = product / square;
  return [scale, targetMean[0] / scale - pointMean[0], pointMean[1] - targetMean[1] / scale];
}

// The camera of the same head looking ahead, moved so that the eyes are about their place: a turned
// head stays as large as it is.
export function fitCameraToHead(vertices, frontal, eyeVertices, targets) {
  const [scale] = fitCameraToEyes(frontal, eyeVertices, targets);
  const count = vertices.length / 3;
  const eyes = mean(eyeVertices.map((v) => [vertices[v], vertices[count + v]]));
  const goal = mean(targets);
  return [scale, goal[0] / scale - eyes[0], -goal[1] / scale - eyes[1]];
}

function mean(points) {
  return [0, 1].map((axis) => points.reduce((sum, p) => sum + p[axis], 0) / points.length);
}
