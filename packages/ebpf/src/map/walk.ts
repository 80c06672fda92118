/** Walking a map key by key. */
import { EbpfError } from '../errors.js';

/**
 * Yields every key once, given a function for the key after another.
 *
 * The kernel answers with the first key when asked for the one after a key that is gone, so a walk over a hash that
 * others delete from can start over at any time. Keys already yielded are remembered and passed over; a walk whose
 * steps exceed several times the map's capacity ends with an error instead of going on for ever. The next key is
 * fetched before the current one is yielded, so the consumer may delete that without causing a restart.
 *
 * @throws EbpfError
 */
export function* walkKeys(
  next: (key: Uint8Array | undefined) => Uint8Array | undefined,
  maxEntries: number,
  name: string,
): Generator<Uint8Array, void, undefined> {
  const seen = new Set<string>();
  let stepsLeft = 8 * maxEntries + 1024;
  let key = next(undefined);
  while (key !== undefined) {
    if (stepsLeft-- === 0) {
      throw new EbpfError(`map ${name}: keys are deleted faster than the map can be walked`);
    }
    const text = Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
    const following = next(key);
    if (!seen.has(text)) {
      seen.add(text);
      yield key;
    }
    key = following;
  }
}
