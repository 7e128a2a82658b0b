// Shows planes of numbers on a canvas.

// levels: [3, size, size] in 0..255.
export function showLevels(canvas, levels) {
  const pixels = levels.length / 3;
  const size = Math.sqrt(pixels);
  const image = new ImageData(size, size);
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      image.data[4 * pixel + channel] = levels[channel * pixels + pixel];
    }
    image.data[4 * pixel + 3] = 255;
  }
  canvas.width = canvas.height = size;
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// face: [3, R, R] in [-1, 1] but for overshoot; the canvas's own numbers are clamped and rounded.
export function showFace(canvas, face) {
  showLevels(canvas, face.map((value) => (value + 1) * 127.5));
}
