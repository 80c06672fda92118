/** Where the API listens, for those on this host who may not use its local socket. */
import { chmodSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import type { ServePaths } from './paths.js';

/** Writes the URLs of the API to a file that every user can read. Disposing removes it. */
export function publishAddresses({ addresses }: ServePaths, urls: readonly string[]): Disposable {
  const temporary = `${addresses}.${process.pid}.new`;
  const text = urls.map((url) => `${url}\n`).join('');
  writeFileSync(temporary, text, { mode: 0o644 });
  // The umask takes bits away from the mode.
  chmodSync(temporary, 0o644);
  renameSync(temporary, addresses);
  return {
    [Symbol.dispose]: () => {
      // The next server may have written its own by now.
      if (readAddresses(addresses).join('') === urls.join('')) unlinkSync(addresses);
    },
  };
}

/** URLs of the API of the server whose file that is, as it wrote them; none where there is no file. */
export function readAddresses(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  } catch {
    return [];
  }
}
