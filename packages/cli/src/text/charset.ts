/**
 * The characters that the locale has: all of Unicode, or ASCII. A process has one locale, so this is its one setting; data
 * for programs, such as JSON, is UTF-8 in any.
 */
import { displayWidth } from './width.js';

let ascii = false;

/** Whether the locale's names in the environment, of which the first that is set counts, ask for another encoding than UTF-8. */
export function wantsAscii({ LC_ALL, LC_CTYPE, LANG }: NodeJS.ProcessEnv): boolean {
  const locale = LC_ALL || LC_CTYPE || LANG;
  // Containers and services often have none, and UTF-8 all the same.
  return locale !== undefined && locale !== '' && !/utf-?8/i.test(locale);
}

/** Sets whether text is to be ASCII. */
export function useAscii(wanted: boolean): void {
  ascii = wanted;
}

export function isAscii(): boolean {
  return ascii;
}

/** What stands for Weir's own characters. Each takes as many columns as the one that it replaces. */
const replacements: Readonly<Record<string, string>> = {
  '→': '>',
  '←': '<',
  '↑': '^',
  '↓': 'v',
  '▲': '^',
  '▼': 'v',
  '…': '~',
  '–': '-',
  '’': "'",
  µ: 'u',
  '✓': '+',
  '✗': 'x',
  '▁': '_',
  '▂': '.',
  '▃': ':',
  '▄': '-',
  '▅': '=',
  '▆': '+',
  '▇': '*',
  '█': '#',
};

/** Text in the characters that the locale has, in the same columns. Names are escaped before (escape.ts). */
export function inCharset(text: string): string {
  if (!ascii) return text;
  return text.replace(
    /[^\0-\x7f]/gu,
    (character) => replacements[character] ?? '?'.repeat(displayWidth(character)),
  );
}
