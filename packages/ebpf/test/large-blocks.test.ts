import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const sys = fileURLToPath(new URL('../src/sys/index.js', import.meta.url));

/** MB by which the heap of a process grows that has 64 blocks of 1 MB, after it has freed one. */
function heapGrowth(before: string): number {
  const script = `
    import { readFileSync } from 'node:fs';
    import { setImmediate } from 'node:timers/promises';
    import { giveBackLargeBlocks } from ${JSON.stringify(sys)};
    const heapMb = () => {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) .*\\[heap\\]$/m.exec(readFileSync('/proc/self/maps', 'latin1')) ?? ['', '0', '0'];
      return (Number.parseInt(to, 16) - Number.parseInt(from, 16)) / 2 ** 20;
    };
    const block = () => Buffer.allocUnsafeSlow(2 ** 20);
    ${before}
    block();
    gc();
    await setImmediate();
    gc();
    const start = heapMb();
    const blocks = Array.from({ length: 64 }, block);
    console.log(heapMb() - start, blocks.length);`;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--expose-gc', '--input-type=module', '--eval', script],
    { encoding: 'utf8' },
  );
  assert.equal(stderr, '');
  return Number.parseFloat(stdout);
}

test('large blocks are not in the heap of the C library once they are to be given back', () => {
  assert.ok(heapGrowth('giveBackLargeBlocks();') < 16);
});
