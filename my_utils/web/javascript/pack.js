// Reads what my_utils/web/pack.py packed: base64 around xz around bytes, or around safetensors.

import { XzReadableStream } from "xz-decompress";

const TYPES = {
  F32: Float32Array,
  I8: Int8Array,
  I16: Int16Array,
  U16: Uint16Array,
  I32: Int32Array,
  U8: Uint8Array,
};

export async function unpack(base64) {
  const stream = new Blob([fromBase64(base64)]).stream();
  return new Uint8Array(await new Response(new XzReadableStream(stream)).arrayBuffer());
}

function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text);
  return Uint8Array.from({ length: binary.length }, (_, i) => binary.charCodeAt(i));
}

// The tensors of a safetensors file by name, as flat typed arrays.
export function readTensors(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const start = 8 + Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  const tensors = {};
  for (const [name, { dtype, data_offsets }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [first, last] = data_offsets;
    tensors[name] = new TYPES[dtype](bytes.slice(start + first, start + last).buffer);
  }
  return tensors;
}
