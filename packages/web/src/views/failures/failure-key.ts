/** Keys of groups as text of links. Pure. */
import type { Key } from '../../api/api-types.js';

/** The values of a key, in the order of fields. */
export function keyText(by: readonly string[], key: Key): string {
  return JSON.stringify(by.map((name) => key[name] ?? null));
}

/** The key of a text; undefined where it is none of these fields. */
export function keyFromText(by: readonly string[], text: string): Key | undefined {
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(values) || values.length !== by.length) return undefined;
  const isValue = (value: unknown): value is string | number | null =>
    value === null || typeof value === 'string' || typeof value === 'number';
  if (!values.every(isValue)) return undefined;
  return Object.fromEntries(by.map((name, index) => [name, values[index] as string | number | null]));
}
