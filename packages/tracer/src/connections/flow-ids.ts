/** Flow ids as numbers: fifteen hexadecimal digits, a dot and the number of a CPU take three words. */

const DIGITS = 15;
/** Digits of the first word. */
const HIGH_DIGITS = 7;
const DOT = 0x2e;
const ZERO = 0x30;
const LETTER_A = 0x61;
/** Decimal digits of the number of a CPU. */
const MAX_CPU_DIGITS = 9;

/** Words of an id: the third is one more than the CPU, so that an id has none of 0. */
export const FLOW_WORDS = 3;

/** Reads an id into words. @returns false where it has another form. */
export function readFlowId(text: string, words: Uint32Array, at: number): boolean {
  if (text.length < DIGITS + 2 || text.length > DIGITS + 1 + MAX_CPU_DIGITS) return false;
  if (text.charCodeAt(DIGITS) !== DOT) return false;
  let high = 0;
  let low = 0;
  for (let index = 0; index < DIGITS; index++) {
    const digit = hexDigit(text.charCodeAt(index));
    if (digit < 0) return false;
    if (index < HIGH_DIGITS) high = high * 16 + digit;
    else low = low * 16 + digit;
  }
  let cpu = 0;
  for (let index = DIGITS + 1; index < text.length; index++) {
    const digit = text.charCodeAt(index) - ZERO;
    const isLeadingZero = digit === 0 && index === DIGITS + 1 && text.length > DIGITS + 2;
    if (digit < 0 || digit > 9 || isLeadingZero) return false;
    cpu = cpu * 10 + digit;
  }
  words[at] = high;
  words[at + 1] = low;
  words[at + 2] = cpu + 1;
  return true;
}

/** The id of words; undefined where there is none. */
export function formatFlowId(words: Uint32Array, at: number): string | undefined {
  const cpu = words[at + 2]!;
  if (cpu === 0) return undefined;
  const high = words[at]!.toString(16).padStart(HIGH_DIGITS, '0');
  return `${high}${words[at + 1]!.toString(16).padStart(DIGITS - HIGH_DIGITS, '0')}.${cpu - 1}`;
}

/** Lower case only, as ids have it. */
function hexDigit(code: number): number {
  if (code >= ZERO && code < ZERO + 10) return code - ZERO;
  return code >= LETTER_A && code < LETTER_A + 6 ? code - LETTER_A + 10 : -1;
}
