/** The capabilities that are left once a command watches. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../bin/weir.js', import.meta.url));
const CAP_SYS_MODULE = 16n;
const CAP_SYS_BOOT = 22n;
const CAP_BPF = 39n;

function capabilities(pid: number, set: 'Eff' | 'Prm' | 'Bnd'): bigint {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return BigInt(`0x${new RegExp(`^Cap${set}:\\s*(\\w+)$`, 'm').exec(status)![1]}`);
}

const has = (mask: bigint, bit: bigint): boolean => ((mask >> bit) & 1n) === 1n;

describe('the capabilities of a running command', () => {
  it('are those that it still needs: weir trace', async () => {
    const child = spawn(process.execPath, [program, 'trace', '--json', '--ready-fd', '3', '--port', '1'], {
      stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
    });
    await once(createInterface({ input: child.stdio[3] as NodeJS.ReadableStream }), 'line');
    assertLimited(child.pid!);
    child.kill('SIGINT');
    const [code] = await once(child, 'exit');
    assert.equal(code, 0);
  });

  it('are those that it still needs: weir top', async () => {
    const args = ['top', '--json', '--interval', '500ms', '--no-udp', '--filter', 'port:1'];
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(createInterface({ input: child.stdout! }), 'line');
    assertLimited(child.pid!);
    child.kill('SIGINT');
    const [code] = await once(child, 'exit');
    assert.equal(code, 0);
  });
});

function assertLimited(pid: number): void {
  for (const set of ['Eff', 'Prm', 'Bnd'] as const) {
    const mask = capabilities(pid, set);
    for (const bit of [CAP_SYS_MODULE, CAP_SYS_BOOT])
      assert.ok(!has(mask, bit), `${set} ${mask.toString(16)}`);
    assert.ok(has(mask, CAP_BPF), `${set} ${mask.toString(16)}`);
  }
  assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), /^NoNewPrivs:\s*1$/m);
}
