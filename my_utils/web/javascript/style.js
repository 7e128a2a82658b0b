// The style vector of a seed, the very one that PyTorch draws on a CPU: `seeded_z` of
// model/generator.py is torch.randn(size, generator=torch.Generator().manual_seed(seed)).

const STATE = 624;
const CHUNK = 16; // numbers that PyTorch makes together

// Uniform 32-bit numbers of the Mersenne Twister MT19937 (Matsumoto and Nishimura 1998).
export function mersenneTwister(seed) {
  const state = new Uint32Array(STATE);
  state[0] = seed;
  for (let i = 1; i < STATE; i++) {
    const previous = state[i - 1] ^ (state[i - 1] >>> 30);
    state[i] = Math.imul(1812433253, previous) + i;
  }
  let place = STATE;
  return () => {
    if (place === STATE) {
      for (let i = 0; i < STATE; i++) {
        const bits = (state[i] & 0x80000000) | (state[(i + 1) % STATE] & 0x7fffffff);
        const twisted = (bits >>> 1) ^ (bits & 1 ? 0x9908b0df : 0);
        state[i] = state[(i + 397) % STATE] ^ twisted;
      }
      place = 0;
    }
    let x = state[place++];
    x ^= x >>> 11;
    x ^= (x << 7) & 0x9d2c5680;
    x ^= (x << 15) & 0xefc60000;
    return (x ^ (x >>> 18)) >>> 0;
  };
}

// Standard normal numbers, at least 16, by the transform of Box and Muller (1958).
export function seededZ(seed, size) {
  const random = mersenneTwister(Number(BigInt(seed) & 0xffffffffn));
  const uniform = () => (random() & 0xffffff) / 2 ** 24;
  const z = Float32Array.from({ length: size }, uniform);
  for (let start = 0; start + CHUNK <= size; start += CHUNK) toNormal(z, start);
  if (size % CHUNK) { // the last ones are drawn again, together
    for (let i = size - CHUNK; i < size; i++) z[i] = uniform();
    toNormal(z, size - CHUNK);
  }
  return z;
}

function toNormal(numbers, start) {
  const half = CHUNK / 2;
  for (let i = start; i < start + half; i++) {
    const radius = Math.sqrt(-2 * Math.log(1 - numbers[i]));
    const angle = 2 * Math.PI * numbers[i + half];
    numbers[i] = radius * Math.cos(angle);
    numbers[i + half] = radius * Math.sin(angle);
  }
}
