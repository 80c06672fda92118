/**
 * JSON that is safe to show on a terminal: a process chooses its own command name. Needs no kernel.
 *
 * @module @weir/tracer/escape
 */

export { unescapeName } from './unescape.js';

const unsafeInJson = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
const plainJson = /^[ -~]*$/;

/**
 * The JSON form of a string, in which controls, line separators and characters that reorder or hide text are
 * escapes too, so that the line is safe on a terminal. It parses to the same string.
 */
export function jsonString(text: string): string {
  const json = JSON.stringify(text);
  return plainJson.test(json) ? json : escapeJson(json);
}

/** Bytes that are not UTF-8 (@weir/ebpf/byte-text), and what would look like their form here. */
const unsafeInName = /[\\\udc80-\udcff]/gu;

/**
 * A name as JSON and text show it, which may hold any byte: one that is not UTF-8 is `\xff`, a backslash is `\\`. All other
 * characters are themselves.
 */
export function escapeName(name: string): string {
  return name.replace(unsafeInName, (character) =>
    character === '\\' ? '\\\\' : `\\x${(character.charCodeAt(0) - 0xdc00).toString(16)}`,
  );
}

/** The JSON form of a name. */
export function jsonName(name: string): string {
  return jsonString(escapeName(name));
}

/** The same as `jsonString` for a whole JSON document: outside strings, none of these characters but line breaks can occur. */
export function escapeJson(json: string): string {
  return json.replace(unsafeInJson, (character) => {
    if (character === '\n') return character;
    let escaped = '';
    for (let index = 0; index < character.length; index++) {
      escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
    }
    return escaped;
  });
}
