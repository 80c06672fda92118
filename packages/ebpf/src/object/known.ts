/** Looking things up by name. */
import { EbpfError } from '../errors.js';

/** @throws EbpfError if there is none of that name. */
export function known<T>(all: ReadonlyMap<string, T>, name: string, what: string): T {
  const found = all.get(name);
  if (found !== undefined) return found;
  throw new EbpfError(`the object has no ${what} ${name}; it has ${[...all.keys()].join(', ') || 'none'}`);
}
