/** Hashes of words, for tables in memory. They differ from run to run: peers choose their ports and addresses. */
import { randomInt } from '../random.js';

const start = randomInt(0, 2 ** 32);

/** @returns 32 bits, with a sign: V8 needs an object for each number that is larger. */
export function hashWords(words: Uint32Array, at: number, count: number): number {
  let hash = start;
  for (let index = 0; index < count; index++) hash = mixWord(hash, words[at + index]!);
  return finishHash(hash);
}

export function mixWord(hash: number, word: number): number {
  const mixed = Math.imul(word, 0xcc9e2d51);
  const rotated = (mixed << 15) | (mixed >>> 17);
  const sum = hash ^ Math.imul(rotated, 0x1b873593);
  return (Math.imul((sum << 13) | (sum >>> 19), 5) + 0xe6546b64) | 0;
}

export function finishHash(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
