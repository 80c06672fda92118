/** A small disk of a test's own, in a mount namespace that goes with the test. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, statfsSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An ext4 file system, which a test fills, or which finds itself damaged and becomes read-only. */
export class SmallDisk implements Disposable {
  readonly #root = mkdtempSync(join(tmpdir(), 'weir-disk-'));
  readonly #image = join(this.#root, 'image');
  /** Where it is mounted, for programs that {@link SmallDisk.prefix} runs. */
  readonly folder = join(this.#root, 'disk');
  readonly #holder: ChildProcess;

  private constructor(megabytes: number) {
    chmodSync(this.#root, 0o755);
    writeFileSync(this.#image, '');
    truncateSync(this.#image, megabytes * 2 ** 20);
    execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', this.#image]);
    // It ends with this process.
    const script = 'mkdir "$2" && mount -o loop,errors=remount-ro "$1" "$2" && echo mounted && exec cat';
    this.#holder = spawn('unshare', ['-m', 'sh', '-c', script, 'sh', this.#image, this.folder], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
  }

  static async mount(megabytes: number): Promise<SmallDisk> {
    const disk = new SmallDisk(megabytes);
    const { stdout } = disk.#holder;
    await Promise.race([
      once(stdout!, 'data'),
      once(disk.#holder, 'exit').then(([status]) => assert.fail(`mount ended with status ${status}`)),
    ]);
    return disk;
  }

  /** Runs a program where the disk is mounted. */
  get prefix(): readonly string[] {
    return ['nsenter', '-m', '-t', `${this.#holder.pid}`];
  }

  /** A path on it, for those who are elsewhere. */
  seen(path: string): string {
    return `/proc/${this.#holder.pid}/root${path}`;
  }

  get #filler(): string {
    return this.seen(join(this.folder, 'filler'));
  }

  /** Leaves no byte free. */
  fill(): void {
    for (let size = 2 ** 20; size >= 4096; ) {
      try {
        writeFileSync(this.#filler, Buffer.alloc(size), { flag: 'a' });
      } catch {
        size /= 2;
      }
    }
    const { bavail } = statfsSync(this.seen(this.folder));
    assert.ok(bavail < 16, `${bavail} blocks are free`);
  }

  /** Undoes that. */
  empty(): void {
    unlinkSync(this.#filler);
  }

  /** What the kernel does with a file system that it finds to be damaged. */
  becomeReadOnly(): void {
    this.#run('mount', '-o', 'remount,abort', this.folder);
  }

  /** Nothing may have a file open on it. */
  mountAgain(): void {
    this.#run('umount', this.folder);
    // Its status is 1 where it has mended something.
    this.#run('sh', '-c', 'fsck.ext4 -p -f "$1" || [ $? = 1 ]', 'sh', this.#image);
    this.#run('mount', '-o', 'loop,errors=remount-ro', this.#image, this.folder);
  }

  #run(...command: readonly string[]): void {
    const [program, ...args] = [...this.prefix, ...command];
    execFileSync(program!, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  }

  [Symbol.dispose](): void {
    this.#holder.kill('SIGKILL');
    rmSync(this.#root, { recursive: true, force: true, maxRetries: 5 });
  }
}
