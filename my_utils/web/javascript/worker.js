// Draws faces beside the page, so that its controls stay quick.

import { FaceDrawer } from "./face_drawer.js";

let drawer = null;

// {load: {runtime, graph, weights, head, settings}}, then {draw: face, id} again and again.
self.onmessage = async ({ data }) => {
  const { load, draw, id } = data;
  try {
    if (load) {
      drawer = await FaceDrawer.load(load, (step) => self.postMessage({ step }));
      self.postMessage({ ready: true });
    } else {
      self.postMessage({ id, drawing: await drawer.draw(draw) });
    }
  } catch (error) {
    self.postMessage({ id, error: String(error?.message ?? error) });
  }
};
