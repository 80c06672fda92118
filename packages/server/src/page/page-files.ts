/** The files of the page, held in memory: the server's user may not be able to read them where Weir is installed. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';

/** A file of the page. */
export interface PageFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly type: string;
  /** Changes with its bytes. */
  readonly etag: string;
  /** Its name contains a hash of its bytes, so that it never changes. */
  readonly isFixed: boolean;
}

/** The files by their paths in addresses. */
export type PageFiles = ReadonlyMap<string, PageFile>;

/** Files of other types are not served. */
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
};

const START = 'index.html';

/**
 * Reads the files of a folder, without those below it and hidden ones. `index.html` is at `/`.
 *
 * @throws Error of the system
 */
export async function readPageFiles(folder: string): Promise<PageFiles> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.') && extname(entry.name) in types)
    .map(({ name }) => name);
  const read = names.map(async (name): Promise<[string, PageFile]> => {
    const bytes = new Uint8Array(await readFile(join(folder, name)));
    return [
      name === START ? '/' : `/${name}`,
      {
        bytes,
        type: types[extname(name)]!,
        etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`,
        isFixed: /-[0-9A-Z]{8}\.\w+$/.test(name),
      },
    ];
  });
  return new Map(await Promise.all(read));
}
