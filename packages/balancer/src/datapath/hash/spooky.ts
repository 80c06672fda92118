/** Bob Jenkins' SpookyHash V2 for messages below 192 bytes (its "short" form), reduced to whole blocks of 16 bytes. */
import { OptionError } from '@weir/ebpf';
import { rotate64, u64, word64 } from './words.js';

const FILLER = 0xdeadbeefdeadbeefn;

/** Rotations of the steps of mixing, whose words begin with the third. */
const mixingRotations = [50, 52, 30, 41, 54, 48, 38, 37, 62, 34, 5, 36];
/** Rotations of the last steps, whose words begin with the fourth. */
const endingRotations = [15, 52, 26, 51, 28, 9, 47, 54, 32, 25, 63];

type State = [bigint, bigint, bigint, bigint];

function mix(state: State): void {
  for (const [step, bits] of mixingRotations.entries()) {
    const at = (step + 2) % 4;
    state[at] = u64(rotate64(state[at]!, bits) + state[(at + 1) % 4]!);
    state[(at + 2) % 4]! ^= state[at]!;
  }
}

function end(state: State): void {
  for (const [step, bits] of endingRotations.entries()) {
    const at = (step + 3) % 4;
    const before = (at + 3) % 4;
    state[at]! ^= state[before]!;
    state[before] = rotate64(state[before]!, bits);
    state[at] = u64(state[at]! + state[before]!);
  }
}

/**
 * The two words of the 128-bit hash, with both seeds 0.
 *
 * @throws OptionError for other lengths than 16, 32, 48 … below 192 bytes.
 */
export function spooky128(message: Uint8Array): [bigint, bigint] {
  const { length } = message;
  if (length === 0 || length >= 192 || length % 16 !== 0) {
    throw new OptionError(`${length} bytes: expected a multiple of 16 below 192`);
  }
  const state: State = [0n, 0n, FILLER, FILLER];
  for (let at = 0; at < length; at += 32) {
    state[2] = u64(state[2] + word64(message, at));
    state[3] = u64(state[3] + word64(message, at + 8));
    mix(state);
    if (length - at < 32) break;
    state[0] = u64(state[0] + word64(message, at + 16));
    state[1] = u64(state[1] + word64(message, at + 24));
  }
  state[2] = u64(state[2] + FILLER);
  state[3] = u64(state[3] + (BigInt(length) << 56n) + FILLER);
  end(state);
  return [state[0], state[1]];
}
