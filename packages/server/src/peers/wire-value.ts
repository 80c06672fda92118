/**
 * Values with 64-bit numbers as JSON between servers: `{"$n":"12"}` is one, `{"$ids":"…"}` a list of them, eight bytes each in base64.
 * Text that others chose stands in values only, never in names of properties that begin so. Pure.
 */

/** Makes a value one that JSON can have. */
export function toWire(value: unknown): unknown {
  if (typeof value === 'bigint') return { $n: String(value) };
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    if (value.length > 0 && value.every((each) => typeof each === 'bigint' && each >= 0n)) {
      const bytes = BigUint64Array.from(value as bigint[]);
      return { $ids: Buffer.from(bytes.buffer).toString('base64') };
    }
    return value.map(toWire);
  }
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, each]) => (each === undefined ? [] : [[name, toWire(each)]])),
  );
}

/** The value again. @throws SyntaxError for what none was made of */
export function fromWire(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(fromWire);
  const { $n: number, $ids: ids } = value as { readonly $n?: unknown; readonly $ids?: unknown };
  if (number !== undefined) return bigintOf(number);
  if (ids !== undefined) return idsOf(ids);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, fromWire(each)]));
}

function bigintOf(text: unknown): bigint {
  if (typeof text !== 'string' || !/^-?\d{1,20}$/.test(text)) throw new SyntaxError('no number of 64 bits');
  return BigInt(text);
}

function idsOf(text: unknown): bigint[] {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'base64') : Buffer.alloc(1);
  if (bytes.length % 8 !== 0) throw new SyntaxError('no list of numbers of 64 bits');
  // A buffer may begin anywhere in its memory, a list of such numbers may not.
  const own = Uint8Array.from(bytes);
  return Array.from(new BigUint64Array(own.buffer));
}
