/** Giving capabilities up, in a process of its own: what is given up does not come back. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';

const sys = new URL('../src/sys/index.js', import.meta.url).href;

describe('limitCapabilities()', () => {
  it('leaves the calling thread only what is kept, and what it starts nothing more', () => {
    const script = `
      import { execFileSync } from 'node:child_process';
      import { effectiveCapabilities, limitCapabilities } from ${JSON.stringify(sys)};
      const kept = [...limitCapabilities(['CAP_NET_ADMIN', 'CAP_SYS_PTRACE'])];
      const child = execFileSync('grep', ['CapEff', '/proc/self/status'], { encoding: 'utf8' });
      console.log(JSON.stringify({ kept, effective: [...effectiveCapabilities()], child: child.trim() }));`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    const { kept, effective, child } = JSON.parse(output);
    assert.deepEqual(kept.sort(), ['CAP_NET_ADMIN', 'CAP_SYS_PTRACE']);
    assert.deepEqual(effective.sort(), ['CAP_NET_ADMIN', 'CAP_SYS_PTRACE']);
    const mask = BigInt(`0x${child.split(/\s+/)[1]}`);
    assert.equal(mask & ~((1n << 12n) | (1n << 19n)), 0n, child);
  });
});

describe('effectiveCapabilities()', () => {
  it('says the same without procfs as with it', () => {
    const script = `
      import { effectiveCapabilities } from ${JSON.stringify(sys)};
      console.log(JSON.stringify([...effectiveCapabilities()]));`;
    const node = [process.execPath, '--input-type=module', '-e', script] as const;
    const withProcfs = execFileSync(node[0], node.slice(1), { encoding: 'utf8' });
    const without = execFileSync(
      'unshare',
      ['-m', 'sh', '-c', 'umount -l /proc && exec "$@"', 'sh', ...node],
      {
        encoding: 'utf8',
      },
    );
    assert.notEqual(without, '[]\n');
    assert.equal(without, withProcfs);
  });
});
