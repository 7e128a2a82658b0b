// The params.npz of the other scripts: faces and their style seeds, as my_utils/faces/params_file.

import { unzipSync, zipSync } from "fflate";

import { FIELDS } from "./flame.js";

// The file of one face, whose parts are as in flame.js.
export function writeParams(params, seed) {
  const files = { "seeds.npy": npy("<i8", [1], new BigInt64Array([BigInt(seed)])) };
  for (const name of Object.keys(FIELDS)) {
    const shape = name === "lighting" ? [1, 9, 3] : [1, FIELDS[name]];
    files[`${name}.npy`] = npy("<f4", shape, params[name]);
  }
  return zipSync(files);
}

// The faces of a file: [{vector, seed}, ...]. Throws an Error with one sentence.
export function readParams(bytes) {
  const files = unzip(bytes);
  const array = (name) => {
    if (!files[`${name}.npy`]) throw new Error(`This file has no ${name}: it is no params.npz.`);
    return parseNpy(files[`${name}.npy`]);
  };
  const seeds = array("seeds");
  const columns = Object.entries(FIELDS).map(([name, width]) => {
    const values = Float32Array.from(array(name));
    if (values.length !== seeds.length * width || !values.every(Number.isFinite)) {
      throw new Error(`This file's ${name} is not ${width} numbers for each face.`);
    }
    return { values, width };
  });
  return Array.from(seeds, (seed, row) => ({
    seed: Number(seed),
    vector: Float32Array.from(
      columns.flatMap(({ values, width }) => [...values.subarray(row * width, (row + 1) * width)]),
    ),
  }));
}

function unzip(bytes) {
  try {
    return unzipSync(bytes);
  } catch {
    throw new Error("This file is no .npz, or it is damaged.");
  }
}

// ---- .npy -------------------------------------------------------------------------------------

function npy(descr, shape, data) {
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  const header = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11) + "\n";
  const bytes = new Uint8Array(10 + header.length + data.byteLength);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 10 + header.length);
  return bytes;
}

function parseNpy(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isFirstVersion = bytes[6] === 1;
  const start = isFirstVersion ? 10 + view.getUint16(8, true) : 12 + view.getUint32(8, true);
  const header = new TextDecoder("latin1").decode(bytes.subarray(10, start));
  const type = /'descr': '([^']+)'/.exec(header)?.[1];
  const types = { "<f4": Float32Array, "<f8": Float64Array, "<i8": BigInt64Array };
  if (!types[type] || !/'fortran_order': False/.test(header)) {
    throw new Error("This file holds arrays of an unexpected kind.");
  }
  return new types[type](bytes.slice(start).buffer);
}
