/**
 * JSON that is safe to show on a terminal: a process chooses its own command name. Needs no kernel.
 *
 * @module @weir/tracer/escape
 */

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

/** The same for a whole JSON document: outside strings, none of these characters but line breaks can occur. */
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
