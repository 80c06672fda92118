/** A balancer that cannot start: it says why in a line, and leaves nothing attached. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { runWeir } from './support/command.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-refused-'));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'balance.yaml');

/** Runs it in a network namespace and on a BPF file system of its own, and lists what it has left in both. */
async function run(config: string) {
  writeFileSync(
    file,
    `name: refused
mode: generic
router: "02:00:00:00:00:01"
vips:
  - {name: dns, address: 198.51.100.1, port: 53, protocol: udp, reals: [{name: a, address: 10.9.0.1}]}
${config}`,
  );
  const left = join(folder, 'left');
  const inside = `mount -t bpf bpf /sys/fs/bpf && ip link set lo up && "$@"; status=$?
    { ip -o link show lo | grep -o xdp; find /sys/fs/bpf/weir -type f; } >${left} 2>/dev/null; exit $status`;
  const prefix = ['unshare', '--net', '--mount', 'sh', '-c', inside, 'sh'];
  const { status, stderr } = await runWeir(['balance', 'run', file], prefix);
  return { status, stderr, left: readFileSync(left, 'utf8') };
}

describe('weir balance run leaves nothing behind', () => {
  it('where neither its socket nor its state can be written', async () => {
    const { status, stderr, left } = await run(`interface: lo\ncontrol: {socket: ${file}/socket}\n`);
    assert.equal(status, 1, stderr);
    assert.equal(left, '');
    const last = stderr.trimEnd().split('\n').at(-1)!;
    assert.match(last, /^weir: E\w+: .*balance\.yaml/);
    assert.doesNotMatch(last, /weir doctor/);
  });

  it('where there is no such device, and says so', async () => {
    const { status, stderr, left } = await run('interface: gone0\n');
    assert.equal(status, 1, stderr);
    assert.equal(left, '');
    assert.equal(
      stderr,
      'weir: look up network device gone0: ENODEV: this network namespace has none of that name\n',
    );
  });
});
