/** Helpers of tests on the running kernel. Such tests lie in files named `*.root.test.ts` and need root. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mapIds } from '../../src/map/open.js';
import { createArena } from '../../src/sys/arena.js';
import { Namespace, unshare } from '../../src/sys/namespace.js';
import { syscall } from '../../src/sys/syscalls.js';

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Fails clearly where a test is run without the rights it needs. */
export function assertRoot(): void {
  assert.ok(isRoot(), 'files named *.root.test.ts need root');
}

const mountRecursivePrivate = 0x4000 | 0x40000;
let bpffs: string | undefined;

/**
 * A bpf file system that only this thread sees, in a mount namespace of its own. It goes away with the process, and
 * all pins in it.
 */
export function privateBpffs(): string {
  if (bpffs !== undefined) return bpffs;
  // Where bpffs belongs, so that no folder has to be made that would stay.
  const path = '/sys/fs/bpf';
  unshare(Namespace.mount);
  mount('none', '/', '', mountRecursivePrivate);
  mount('bpf', path, 'bpf', 0);
  bpffs = path;
  return path;
}

/** A new, empty folder on {@link privateBpffs}. */
export function pinFolder(name: string): string {
  const path = join(privateBpffs(), name);
  mkdirSync(path);
  return path;
}

function mount(source: string, target: string, type: string, flags: number): void {
  const arena = createArena(3 * 256);
  for (const [index, text] of [source, target, type].entries()) {
    const { written } = new TextEncoder().encodeInto(
      text,
      arena.bytes.subarray(index * 256, index * 256 + 255),
    );
    assert.equal(written, text.length);
  }
  syscall('mount', arena.address, arena.address + 256, arena.address + 512, flags, 0);
}

/** The targets of this process's descriptors, for comparing before and after. */
export function openDescriptors(): string[] {
  const targets: string[] = [];
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      targets.push(`${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`);
    } catch {
      // The descriptor of the folder itself is closed by now.
    }
  }
  return targets.sort();
}

/** Waits until the kernel has freed the maps with these ids, which it does some time after the last reference. */
export async function assertMapsGone(ids: readonly number[]): Promise<void> {
  let left: number[] = [];
  for (let attempt = 0; attempt < 200; attempt++) {
    const existing = new Set(mapIds());
    left = ids.filter((id) => existing.has(id));
    if (left.length === 0) return;
    await sleep(50);
  }
  assert.deepEqual(left, [], 'maps that still exist');
}
