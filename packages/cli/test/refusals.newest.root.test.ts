/** The reasons that `weir` gives where something but the kernel's age keeps it from working. */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { HostReport } from '@weir/tracer';
import { onlyLine, runWeir } from './support/command.js';
import { behindFilter } from './support/seccomp.js';

/** Root with all capabilities but these. */
const without = (...names: readonly string[]): string[] => {
  const list = names.map((name) => `-${name}`).join(',');
  return ['setpriv', `--inh-caps=${list}`, `--bounding-set=${list}`];
};

const config = join(tmpdir(), `refusals-${process.pid}.yaml`);
writeFileSync(
  config,
  `name: refusals-${process.pid}
interface: lo
mode: generic
router: "02:00:00:00:00:01"
vips: []
`,
);
after(() => rmSync(config, { force: true }));

const commands = {
  trace: ['trace', '--port', '1', '--duration', '100ms'],
  top: ['top', '--once', '--filter', 'port:1'],
  balance: ['balance', 'run', config],
} as const;

async function refusal(command: keyof typeof commands, prefix: readonly string[]): Promise<string> {
  const { status, stderr } = await runWeir(commands[command], prefix);
  assert.equal(status, 1, stderr);
  return onlyLine(stderr);
}

describe('a refusal behind a seccomp filter', () => {
  for (const command of ['trace', 'top', 'balance'] as const) {
    for (const errno of ['EPERM', 'ENOSYS']) {
      it(`of bpf(2) with ${errno} names the filter: ${command}`, async () => {
        const line = await refusal(command, behindFilter(`bpf=${errno}`));
        assert.match(
          line,
          new RegExp(`^bpf\\(2\\) fails with ${errno}: a seccomp filter may forbid it: run it outside`),
        );
      });
    }
  }
});

describe('perf_event_open(2) that a seccomp filter denies', () => {
  for (const errno of ['EPERM', 'ENOSYS']) {
    it(`with ${errno} costs the hooks that need it, and weir doctor names the filter`, async () => {
      const prefix = behindFilter(`perf_event_open=${errno}`);
      const { status, stderr } = await runWeir(commands.trace, prefix);
      assert.equal(status, 0, stderr);
      const { stdout } = await runWeir(['doctor', '--json'], prefix);
      const { hooks, ok } = JSON.parse(stdout) as HostReport;
      assert.equal(ok, true);
      const accepts = hooks.find(({ purpose }) => purpose === 'process that accepts');
      const breakpoint = accepts?.candidates.find(({ name }) => name.startsWith('breakpoint'));
      assert.equal(breakpoint?.state, 'unknown');
      assert.equal(breakpoint.reason, `${errno}: a seccomp filter may forbid it`);
    });
  }
});

describe('a refusal for want of capabilities', () => {
  for (const [lacking, named] of [
    [['bpf', 'sys_admin'], 'CAP_BPF'],
    [['perfmon', 'sys_admin'], 'CAP_PERFMON'],
    [['net_admin', 'sys_admin'], 'CAP_NET_ADMIN'],
  ] as const) {
    it(`names ${named}: weir balance run, and weir doctor before`, async () => {
      const reason = new RegExp(`^this process lacks ${named}: run it as root, or give it the capability`);
      assert.match(await refusal('balance', without(...lacking)), reason);
      const { stdout } = await runWeir(['doctor', '--json'], without(...lacking));
      const { balancer } = JSON.parse(stdout) as { balancer: { ok: boolean; reason: string } };
      assert.equal(balancer.ok, false);
      assert.match(balancer.reason, reason);
    });
  }
});
