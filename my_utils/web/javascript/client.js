// The page's end of worker.js: one face at a time.

export class DrawingClient {
  // report(text) is called at each step of starting.
  constructor(report) {
    const script = new Blob([text("worker")], { type: "text/javascript" });
    this.worker = new Worker(URL.createObjectURL(script));
    this.waiting = new Map(); // by id: {resolve, reject}
    this.count = 0;
    this.ready = new Promise((resolve, reject) => {
      this.worker.onmessage = ({ data }) => {
        if (data.step) report(data.step);
        else if (data.ready) resolve();
        else if (data.id === undefined) reject(new Error(data.error));
        else this.finish(data);
      };
      this.worker.onerror = (event) => reject(new Error(event.message ?? "the worker failed"));
    });
    const parts = ["runtime", "graph", "weights", "head"];
    const load = Object.fromEntries(parts.map((part) => [part, text(part)]));
    this.worker.postMessage({ load: { ...load, settings: readSettings() } });
  }

  // The drawing of a face, as FaceDrawer.draw gives it.
  draw(face) {
    const id = this.count++;
    this.worker.postMessage({ draw: face, id });
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  finish({ id, drawing, error }) {
    const { resolve, reject } = this.waiting.get(id);
    this.waiting.delete(id);
    if (error) reject(new Error(error));
    else resolve(drawing);
  }
}

// Draws the newest of the states that are asked for, one at a time.
export class NewestDrawing {
  // shown(state, drawing, ms) and failed(error) tell how a drawing went.
  constructor(client, shown, failed) {
    Object.assign(this, { client, shown, failed });
    this.newest = null;
    this.drawn = null;
    this.isDrawing = false;
  }

  async ask(state) {
    this.newest = state;
    if (this.isDrawing) return;
    this.isDrawing = true;
    await this.client.ready;
    while (this.newest !== this.drawn) {
      const current = this.newest;
      const before = performance.now();
      try {
        const drawing = await this.client.draw(current.face());
        this.shown(current, drawing, performance.now() - before);
      } catch (error) {
        this.failed(error);
      }
      this.drawn = current;
    }
    this.isDrawing = false;
  }
}

export function readSettings() {
  return JSON.parse(text("settings"));
}

function text(id) {
  return document.getElementById(id).textContent;
}
