/**
 * Names that others chose, such as those of processes and hosts. They may have characters that reorder, hide or imitate what is
 * around them: such are shown as their code. Pure.
 */

/** A part of a name. */
export interface NamePart {
  readonly text: string;
  /** It stands for a character that cannot be shown as itself. */
  readonly isCode: boolean;
}

/** Controls, formats, private and unassigned characters, separators, and what is drawn as nothing. */
const unsafe = /[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/gu;
const plain = /^[!-~](?:[ -~]*[!-~])?$/;

/** Characters of a name after which it is cut off where it has to fit in a line. */
export const LONGEST_NAME = 160;

/** A name in parts that are safe to show. */
export function nameParts(name: string): NamePart[] {
  if (plain.test(name)) return [{ text: name, isCode: false }];
  const parts: NamePart[] = [];
  let start = 0;
  for (const { 0: character, index } of name.matchAll(unsafe)) {
    // A space within is itself; at an end nobody would see it.
    if (character === ' ' && index > 0 && index < name.length - 1) continue;
    if (index > start) parts.push({ text: name.slice(start, index), isCode: false });
    parts.push({ text: codeOf(character), isCode: true });
    start = index + character.length;
  }
  if (start < name.length) parts.push({ text: name.slice(start), isCode: false });
  return parts;
}

/** A name as plain text, for places that have no markup: titles, labels of charts, options. */
export function visibleName(name: string): string {
  return nameParts(name)
    .map(({ text }) => text)
    .join('');
}

/** The same, cut off in the middle where it is too long: both ends say what it is. */
export function shortName(name: string, longest = LONGEST_NAME): string {
  const text = visibleName(name);
  if (text.length <= longest) return text;
  const [head, tail] = [Math.ceil((longest - 1) * 0.7), Math.floor((longest - 1) * 0.3)];
  return `${text.slice(0, head)}…${text.slice(-tail)}`;
}

function codeOf(character: string): string {
  const code = character.codePointAt(0)!;
  // A byte that is not UTF-8.
  if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`;
  return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`;
}
