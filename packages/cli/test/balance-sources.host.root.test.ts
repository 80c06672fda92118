/** A balancer whose reals come from a file and from DNS, from `run` to a restart. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Status } from '@weir/balancer/control';
import { withNetns } from '@weir/ebpf/sys';
import { balance, balanceOk } from './support/balance.js';
import { BalancerProcesses, ip, makeBalancerNetwork } from './support/balancer-network.js';

const VIP = '198.51.100.1';
const folder = mkdtempSync(join(tmpdir(), 'weir-sources-'));
const config = join(folder, 'balance.yaml');
const list = join(folder, 'reals');
const namespace = makeBalancerNetwork(VIP);
withNetns(namespace, () => ip('link set lo up'));
const balancers = new BalancerProcesses(namespace, config);

after(() => {
  balancers[Symbol.dispose]();
  closeSync(namespace);
  rmSync(folder, { recursive: true });
});

/** Servers of DNS do not answer here: nothing listens at port 9. */
writeFileSync(
  config,
  `name: edge
interface: b0
mode: generic
router: 10.1.0.1
options: {flows: 3000, maxReals: 5, maxServerIds: 64, maxSourceRoutes: 64, maxGlobalFlows: 64}
metrics: {listen: 10.1.0.2:9435}
vips:
  - name: listed
    address: ${VIP}
    port: 80
    protocol: tcp
    reals: {from: {file: {path: ${list}}}, delay: 200ms, drain: 500ms}
  - name: unknown
    address: ${VIP}
    port: 81
    protocol: tcp
    reals: {from: {dns: {name: web.example, servers: ["127.0.0.1:9"]}}}
`,
);

function write(text: string): void {
  writeFileSync(`${list}.new`, text);
  renameSync(`${list}.new`, list);
}

async function status(): Promise<Status['vips']> {
  return (JSON.parse(await balanceOk('status', '--json', '--interval', '1ms')) as Status).vips;
}

/** Waits until the status of the VIP with a list is as wanted. */
async function until(isSo: (vip: Status['vips'][number]) => boolean): Promise<void> {
  for (const deadline = Date.now() + 60_000; ; await sleep(50)) {
    const [vip] = await status();
    if (isSo(vip!)) return;
    assert.ok(Date.now() < deadline, JSON.stringify(vip));
  }
}

const weights = ({ reals }: Status['vips'][number]) =>
  reals.map(({ name, ringWeight }) => `${name}=${ringWeight}`).join(' ');

async function metrics(): Promise<string> {
  return (await fetch('http://10.1.0.2:9435/metrics')).text();
}

it('reals of a file are followed, checked, and kept while it is gone, over a restart as well', async () => {
  write('10.9.0.1\n10.9.0.2 weight=3\n');
  const first = await balancers.start();
  const [listed, unknown] = await status();
  assert.deepEqual([weights(listed!), listed!.source?.state], ['10.9.0.1=1 10.9.0.2=3', 'answers']);
  assert.deepEqual([unknown!.state, unknown!.reals, unknown!.source?.state], ['down', [], 'gone']);
  assert.match(
    await balanceOk('lookup', '192.0.2.1:5', `${VIP}:80`),
    /^tx: by the ring, VIP listed, real 10\.9\.0\.[12]\n/,
  );
  assert.match(await balanceOk('lookup', '192.0.2.1:5', `${VIP}:81`), /^pass: /);
  assert.match(
    await balanceOk('status', '--interval', '1ms'),
    /\n {2}reals from dns web\.example, gone for .*, not answered yet, 127\.0\.0\.1 port 9: ECONNREFUSED\n/,
  );
  assert.match(
    await metrics(),
    /weir_balancer_source_up\{address="198\.51\.100\.1",port="80",protocol="tcp",kind="file"\} 1\n/,
  );

  write('10.9.0.2 weight=3\n10.9.0.3\n');
  await until((vip) => weights(vip) === '10.9.0.2=3 10.9.0.3=1');
  // What does not fit is refused as a file would be, and changes nothing.
  write('10.9.0.2\n10.9.0.3\n10.9.0.4\n10.9.0.5\n10.9.0.6\n');
  await until(({ source }) => /^refused: 5 reals, but maxReals/.test(source?.error ?? ''));
  write('10.9.0.2\n10.9.0.3\n127.0.0.1\n');
  await until((vip) => weights(vip) === '10.9.0.2=1 10.9.0.3=1' && vip.source?.error === undefined);
  assert.match(
    await balanceOk('status', '--interval', '1ms'),
    /1 left out: 127\.0\.0\.1 is a loopback address\n/,
  );
  // What was drained by hand stays so.
  await balanceOk('drain', 'listed', '10.9.0.3');

  const gone = once(first.child, 'exit');
  first.child.kill('SIGKILL');
  await gone;
  unlinkSync(list);
  const second = await balancers.start();
  await until((vip) => vip.source?.state === 'gone' && weights(vip) === '10.9.0.2=1 10.9.0.3=0');
  const { stderr } = await balance('apply', config);
  assert.equal(stderr, '');
  assert.equal(await balanceOk('stop'), 'stopped\n');
  assert.equal((await second.ended).status, 0);
});
