/**
 * How texts are compared: without upper and lower case, in the form in which JSON shows names, where a byte that is not UTF-8
 * is `\xff`. Both have to be what a database can do as well.
 */
import { escapeName } from '../json/escape.js';
import type { PatternPart } from './tree.js';

const plain = /^[ -[\]-~]*$/;
/** A final sigma has a lower case of its own, and a dotted capital I one of two characters. */
const special = /[\u03a3\u0130]/;

const anyRun = Symbol('any run of characters');
const oneCharacter = Symbol('any one character');
type Step = string | typeof anyRun | typeof oneCharacter;

/** A text as it is compared: each character in lower case by itself. */
export function comparable(text: string): string {
  if (plain.test(text)) return text.toLowerCase();
  const name = escapeName(text);
  if (!special.test(name)) return name.toLowerCase();
  return name.replaceAll('\u03a3', '\u03c3').replaceAll('\u0130', 'i').toLowerCase();
}

/** Whether a text has another as a part. */
export function partTest(part: string): (text: string) => boolean {
  const wanted = comparable(part);
  return (text) => comparable(text).includes(wanted);
}

/** A pattern as it is compared. */
export function comparablePattern(parts: readonly PatternPart[]): readonly PatternPart[] {
  return parts.map((part) => (part.kind === 'literal' ? { ...part, text: comparable(part.text) } : part));
}

/** Whether a pattern is all of a text, in time that grows with the product of their lengths at most. */
export function patternTest(parts: readonly PatternPart[]): (text: string) => boolean {
  const compared = comparablePattern(parts);
  const [only] = compared;
  if (compared.length === 1 && only?.kind === 'literal') return (text) => comparable(text) === only.text;
  // Each literal by its characters, so that all parts but `any` are one character long.
  const steps = compared.flatMap((part): Step[] =>
    part.kind === 'literal' ? [...part.text] : [part.kind === 'any' ? anyRun : oneCharacter],
  );
  return (text) => matchesSteps([...comparable(text)], steps);
}

/** Where a match fails, the last run gets one character more: an earlier one need not be tried again. */
function matchesSteps(characters: readonly string[], steps: readonly Step[]): boolean {
  let at = 0;
  let step = 0;
  let retry: { readonly step: number; at: number } | undefined;
  while (at < characters.length) {
    const wanted = steps[step];
    if (wanted === anyRun) retry = { step: ++step, at };
    else if (wanted === oneCharacter || wanted === characters[at]) {
      at++;
      step++;
    } else if (retry !== undefined) {
      at = ++retry.at;
      step = retry.step;
    } else return false;
  }
  while (steps[step] === anyRun) step++;
  return step === steps.length;
}
