/** A disk of a test's own: a loop device over a file. */
import {
  closeSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { syscall } from '@weir/ebpf/sys';

/** Requests of include/uapi/linux/loop.h. */
const LOOP_SET_FD = 0x4c00;
const LOOP_CLR_FD = 0x4c01;
const LOOP_CTL_GET_FREE = 0x4c82;

export class LoopDevice implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'weir-loop-'));
  readonly #fd: number;
  readonly major: number;
  readonly minor: number;

  constructor() {
    const file = join(this.#folder, 'disk');
    writeFileSync(file, '');
    truncateSync(file, 1 << 20);
    const control = openSync('/dev/loop-control', 'r+');
    const path = `/dev/loop${syscall('ioctl', control, LOOP_CTL_GET_FREE, 0)}`;
    closeSync(control);
    this.#fd = openSync(path, 'r+');
    const backing = openSync(file, 'r+');
    syscall('ioctl', this.#fd, LOOP_SET_FD, backing);
    closeSync(backing);
    const { rdev } = statSync(path);
    // makedev(3), for numbers as small as these.
    [this.major, this.minor] = [(rdev >>> 8) & 0xfff, rdev & 0xff];
  }

  /** Writes a block, and waits until it is on the disk. */
  write(): void {
    writeSync(this.#fd, Buffer.alloc(4096, 1), 0, 4096, 0);
    fsyncSync(this.#fd);
  }

  [Symbol.dispose](): void {
    syscall('ioctl', this.#fd, LOOP_CLR_FD, 0);
    closeSync(this.#fd);
    rmSync(this.#folder, { recursive: true });
  }
}
