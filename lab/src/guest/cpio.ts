/**
 * Archives in the kernel's initramfs format, cpio "newc"
 * (https://docs.kernel.org/driver-api/early-userspace/buffer-format.html).
 *
 * Several archives one after the other make one initramfs, later files replacing earlier ones. Everything belongs to
 * root, and times are zero: equal content gives equal bytes.
 */

import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

const fileType = { directory: 0o040000, regular: 0o100000, symlink: 0o120000 } as const;
/** Archives are padded to this, so that concatenating them keeps every header aligned to four bytes. */
const blockSize = 512;

/** Writes one archive to a file. Parent folders are added as needed; nothing may be added twice. */
export class CpioWriter implements Disposable {
  readonly #path: string;
  readonly #fd: number;
  readonly #seen = new Set<string>(['']);
  #inode = 1;
  #offset = 0;
  #finished = false;

  /** The archive appears at `path` when `finish` is called, complete. */
  constructor(path: string) {
    this.#path = path;
    this.#fd = openSync(this.#partial, 'w');
  }

  get #partial(): string {
    return `${this.#path}.${process.pid}`;
  }

  directory(name: string, mode = 0o755): void {
    if (this.#seen.has(name)) return;
    this.#parents(name);
    this.#entry(name, fileType.directory | mode, new Uint8Array());
  }

  file(name: string, content: Uint8Array, mode = 0o644): void {
    this.#parents(name);
    this.#entry(name, fileType.regular | mode, content);
  }

  symlink(name: string, target: string): void {
    this.#parents(name);
    this.#entry(name, fileType.symlink | 0o777, Buffer.from(target));
  }

  has(name: string): boolean {
    return this.#seen.has(name);
  }

  /** Copies a file of the host, with its permissions. */
  copy(name: string, from: string): void {
    this.file(name, readFileSync(from), statSync(from).mode & 0o777);
  }

  /**
   * Copies a folder of the host: its files, folders and symbolic links.
   *
   * @param keep Receives each path relative to `from`, folders with a slash at their end; false leaves it out.
   */
  tree(name: string, from: string, keep: (path: string) => boolean = () => true): void {
    const visit = (relative: string): void => {
      const entries = readdirSync(join(from, relative), { withFileTypes: true });
      entries.sort((a, b) => (a.name < b.name ? -1 : 1));
      for (const entry of entries) {
        const path = relative === '' ? entry.name : `${relative}/${entry.name}`;
        const inside = name === '' ? path : `${name}/${path}`;
        if (
          !keep(entry.isDirectory() ? `${path}/` : path) ||
          (!entry.isDirectory() && this.#seen.has(inside))
        )
          continue;
        if (entry.isSymbolicLink()) this.symlink(inside, readlinkSync(join(from, path)));
        else if (entry.isFile()) this.copy(inside, join(from, path));
        else if (entry.isDirectory()) {
          this.directory(inside);
          visit(path);
        }
      }
    };
    visit('');
  }

  finish(): void {
    this.#entry('TRAILER!!!', 0, new Uint8Array());
    this.#pad(blockSize);
    this.#finished = true;
    closeSync(this.#fd);
    renameSync(this.#partial, this.#path);
  }

  [Symbol.dispose](): void {
    if (!this.#finished) closeSync(this.#fd);
    this.#finished = true;
  }

  #parents(name: string): void {
    const slash = name.lastIndexOf('/');
    if (slash > 0) this.directory(name.slice(0, slash));
  }

  #entry(name: string, mode: number, content: Uint8Array): void {
    if (this.#seen.has(name)) throw new Error(`${name} is in the archive already`);
    this.#seen.add(name);
    const encoded = Buffer.from(`${name}\0`);
    const links = (mode & 0o170000) === fileType.directory ? 2 : 1;
    // inode, mode, uid, gid, links, mtime, size, device (2), special device (2), name size, checksum (unused)
    const fields = [this.#inode++, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, encoded.length, 0];
    this.#write(Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`));
    this.#write(encoded);
    this.#pad(4);
    this.#write(content);
    this.#pad(4);
  }

  #pad(alignment: number): void {
    this.#write(new Uint8Array((alignment - (this.#offset % alignment)) % alignment));
  }

  #write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done);
    this.#offset += bytes.length;
  }
}
