/**
 * Makes any string safe to show on a terminal. A process chooses its own command name, so that name may hold
 * escape sequences, line breaks, or characters that reorder or hide what stands around them.
 */

import { isAscii } from './charset.js';

/**
 * Characters that are escaped: the backslash (so that an escape cannot be imitated), everything of category C (controls,
 * formats, surrogates, private use, unassigned), separators and spaces other than U+0020, and characters that
 * are drawn as nothing.
 */
const unsafe = /[\\\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/gu;
const plain = /^[ -[\]-~]*$/;
const notPlain = /[^ -[\]-~]/gu;

const short: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * Replaces every unsafe character by a visible escape: `\n`, `\x1b`, `\u202e`, `\u{e0041}`; in a locale without UTF-8, all
 * that are not ASCII, by their bytes: `\xc3\xa9`.
 */
export function escapeText(text: string): string {
  if (plain.test(text)) return text;
  if (isAscii()) return text.replace(notPlain, visibleInAscii);
  return text.replace(unsafe, (character) => (character === ' ' ? ' ' : visible(character)));
}

function visibleInAscii(character: string): string {
  const code = character.codePointAt(0)!;
  if (code < 0x80 || (code >= 0xd800 && code <= 0xdfff)) return visible(character);
  return [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16)}`).join('');
}

function visible(character: string): string {
  const known = short[character];
  if (known !== undefined) return known;
  const code = character.codePointAt(0)!;
  // A byte that is not UTF-8, in the form that PEP 383 gave it.
  if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code <= 0xffff) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\u{${code.toString(16)}}`;
}
