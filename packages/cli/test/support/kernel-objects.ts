/** Lists BPF objects, probes and pins, from bpftool and tracefs, to find what a dead process left behind. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const kinds = ['prog', 'map', 'link'] as const;

/** Each object as its kind and id; each probe and pin as the line or path that shows it. */
export type Objects = ReadonlySet<string>;

/** Everything that exists now. */
export function existingObjects(): Objects {
  return new Set([
    ...kinds.flatMap(listed),
    ...probes('kprobe_events'),
    ...probes('uprobe_events'),
    ...pins(),
  ]);
}

function listed(kind: (typeof kinds)[number]): string[] {
  const output = execFileSync('bpftool', ['-j', kind, 'show'], { encoding: 'utf8', maxBuffer: 1 << 26 });
  const list = JSON.parse(output || '[]') as readonly { readonly id: number }[] | { readonly error: string };
  // An object that ends while bpftool lists: it says so instead.
  if (!Array.isArray(list)) return listed(kind);
  return list.map(({ id }) => `${kind} ${id}`);
}

function probes(file: string): string[] {
  try {
    const lines = readFileSync(`/sys/kernel/tracing/${file}`, 'utf8').split('\n');
    return lines.filter(Boolean).map((line) => `${file}: ${line}`);
  } catch (error) {
    // A kernel without such probes, or one that was locked down.
    assert.match((error as NodeJS.ErrnoException).code ?? '', /^(ENOENT|EPERM)$/);
    return [];
  }
}

function pins(): string[] {
  const paths = readdirSync('/sys/fs/bpf', { recursive: true, encoding: 'utf8' });
  return paths.map((path) => `/sys/fs/bpf/${path}`);
}

/** What the descriptors of a process hold. */
export function objectsOf(pid: number | string): Objects {
  const found = new Set<string>();
  try {
    for (const fd of readdirSync(`/proc/${pid}/fdinfo`)) {
      const info = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1');
      for (const [, kind, id] of info.matchAll(/^(prog|map|link)_id:\s*(\d+)$/gm)) found.add(`${kind} ${id}`);
    }
  } catch {
    // It ended meanwhile, or closed the descriptor.
  }
  return found;
}

/** What descriptors of any process hold. */
function heldObjects(): Objects {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return new Set(pids.flatMap((pid) => [...objectsOf(pid)]));
}

/**
 * Waits until nothing that was not there before is left, but for what other processes hold. The kernel frees objects
 * some time after their last reference is gone.
 *
 * @throws AssertionError with what is left after 15 s.
 */
export async function assertNothingLeft(before: Objects, held: Objects = new Set()): Promise<void> {
  // What comes up later belongs to others: what is looked for exists already.
  let left = [...new Set([...existingObjects(), ...held])].filter((object) => !before.has(object));
  for (const end = Date.now() + 60_000; left.length > 0 && Date.now() < end; await sleep(100)) {
    const others = heldObjects();
    const existing = existingObjects();
    left = left.filter((object) => existing.has(object) && !others.has(object));
  }
  assert.deepEqual(left, [], 'objects that still exist');
}
