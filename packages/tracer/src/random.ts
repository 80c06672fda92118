/** Random values that nobody gets to see, which V8 draws from the entropy of the system at its start. node:crypto takes longer to load. */

/** An integer from `min` on, below `max`. */
export function randomInt(min: number, max: number): number {
  return min + Math.floor(Math.random() * (max - min));
}

/** So many hexadecimal digits. */
export function randomHex(digits: number): string {
  return Array.from({ length: digits }, () => randomInt(0, 16).toString(16)).join('');
}
