/** The capabilities that are left once a command watches. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { WeirProcess } from './support/command.js';

const program = fileURLToPath(new URL('../../bin/weir.js', import.meta.url));
const CAP_DAC_OVERRIDE = 1n;
const CAP_KILL = 5n;
const CAP_NET_ADMIN = 12n;
const CAP_SYS_MODULE = 16n;
const CAP_SYS_PTRACE = 19n;
const CAP_SYS_ADMIN = 21n;
const CAP_SYS_BOOT = 22n;
const CAP_BPF = 39n;

function capabilities(pid: number | string, set: 'Eff' | 'Prm' | 'Bnd'): bigint {
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

/** No thread has what the main thread gave up, and those beside it have nothing. */
function assertThreadsLimited(pid: number): void {
  const tids = readdirSync(`/proc/${pid}/task`);
  assert.ok(tids.length > 4, 'Node.js has helpers');
  for (const tid of tids) {
    for (const set of ['Eff', 'Prm'] as const) {
      const mask = capabilities(`${pid}/task/${tid}`, set);
      assert.equal(mask & ~capabilities(pid, set), 0n, `thread ${tid}: ${set} ${mask.toString(16)}`);
    }
  }
  const helpers = tids.filter((tid) => capabilities(`${pid}/task/${tid}`, 'Prm') === 0n);
  assert.ok(
    helpers.length >= tids.length - 2,
    `${tids.length} threads, ${helpers.length} without capabilities`,
  );
}

function assertLimited(pid: number): void {
  assertThreadsLimited(pid);
  for (const set of ['Eff', 'Prm', 'Bnd'] as const) {
    const mask = capabilities(pid, set);
    for (const bit of [CAP_SYS_MODULE, CAP_SYS_BOOT])
      assert.ok(!has(mask, bit), `${set} ${mask.toString(16)}`);
    assert.ok(has(mask, CAP_BPF), `${set} ${mask.toString(16)}`);
  }
  assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), /^NoNewPrivs:\s*1$/m);
}

describe('the capabilities of a running balancer', () => {
  for (const [what, hook] of [
    ['without commands', false],
    ['with a command, which has no others', true],
  ] as const) {
    it(`are those that it still needs: ${what}`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'weir-dropped-'));
      const config = join(folder, 'balance.yaml');
      const status = join(folder, 'status');
      writeFileSync(config, balancerConfig(folder, hook ? status : undefined));
      // In a network namespace of its own, where lo is down.
      const inside = `mount -t bpf bpf /sys/fs/bpf && ip link set lo up && exec "$@"`;
      const prefix = ['unshare', '--net', '--mount', 'sh', '-c', inside, 'sh'];
      using weir = new WeirProcess(['balance', 'run', config, '--detach', '--ready-fd', '3'], prefix);
      await weir.ready();
      const held = assertBalancerLimited(weir.pid, hook);
      if (hook) {
        for (const end = Date.now() + 60_000; !existsSync(status) && Date.now() < end; ) await sleep(50);
        const [, mask] = /^CapPrm:\s*(\w+)$/m.exec(readFileSync(status, 'utf8'))!;
        assert.equal(BigInt(`0x${mask}`) & ~held, 0n, `the command has ${mask}`);
        assert.match(readFileSync(status, 'utf8'), /^NoNewPrivs:\s*1$/m);
      }
      const { status: code, stderr } = await weir.end('SIGINT');
      assert.equal(code, 0, stderr);
      assert.doesNotMatch(stderr, /not dropped|EPERM|EACCES/);
      rmSync(folder, { recursive: true });
    });
  }
});

function balancerConfig(folder: string, status: string | undefined): string {
  const command =
    status === undefined
      ? ''
      : `onChange: [sh, -c, "cat /proc/self/status >${status}.new; mv ${status}.new ${status}"]\n`;
  return `name: dropped
interface: lo
mode: generic
router: "02:00:00:00:00:01"
control: {socket: ${folder}/socket}
vips:
  - name: dns
    address: 198.51.100.1
    port: 53
    protocol: udp
    reals: [{name: a, address: 10.9.0.1}]
${command}`;
}

/** @returns the permitted set. */
function assertBalancerLimited(pid: number, runsCommands: boolean): bigint {
  assertThreadsLimited(pid);
  const mask = capabilities(pid, 'Prm');
  for (const set of ['Eff', 'Bnd'] as const) assert.equal(capabilities(pid, set) & ~mask, 0n, set);
  for (const bit of [CAP_SYS_MODULE, CAP_SYS_BOOT, CAP_SYS_PTRACE])
    assert.ok(!has(mask, bit), mask.toString(16));
  // The kernels of Debian have values beyond 2, with which perf events, and so captures, want CAP_SYS_ADMIN.
  const paranoid = Number(readFileSync('/proc/sys/kernel/perf_event_paranoid', 'utf8'));
  assert.equal(
    has(mask, CAP_SYS_ADMIN),
    paranoid > 2,
    `${mask.toString(16)}, perf_event_paranoid ${paranoid}`,
  );
  for (const bit of [CAP_BPF, CAP_NET_ADMIN]) assert.ok(has(mask, bit), mask.toString(16));
  for (const bit of [CAP_DAC_OVERRIDE, CAP_KILL])
    assert.equal(has(mask, bit), runsCommands, mask.toString(16));
  return mask;
}
