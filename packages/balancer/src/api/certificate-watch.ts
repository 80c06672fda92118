/** The files of a certificate, read again when they have changed. */
import { statSync } from 'node:fs';
import { readTlsFiles, type TlsFiles, type TlsPaths } from '@weir/http/server';

const INTERVAL_MS = 1_000;

/** Looks at the files every second. Both count once neither has changed for a second: they are replaced one after the other. */
export class CertificateWatch implements Disposable {
  readonly #timer: NodeJS.Timeout;
  #used: string;
  #seen: string;

  /** @param use Called with files that belong together. @param onProblem Those before stay in use. */
  constructor(paths: TlsPaths, use: (files: TlsFiles) => void, onProblem: (message: string) => void) {
    this.#used = versionOf(paths);
    this.#seen = this.#used;
    this.#timer = setInterval(() => {
      const version = versionOf(paths);
      const isQuiet = version === this.#seen;
      this.#seen = version;
      if (!isQuiet || version === this.#used) return;
      this.#used = version;
      try {
        use(readTlsFiles(paths));
      } catch (error) {
        onProblem(`the earlier certificate stays in use: ${(error as Error).message}`);
      }
    }, INTERVAL_MS).unref();
  }

  /** Stops watching. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function versionOf({ certificate, key }: TlsPaths): string {
  return [certificate, key]
    .map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
      return stat === undefined ? '' : `${stat.ino} ${stat.mtimeNs} ${stat.size}`;
    })
    .join(' ');
}
