/** Known bytes, moved in every way there is: the figures of the table and of close records are exact. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Load, type LoadReport } from './support/load.js';
import { loseFrames } from './support/loss.js';
import { ip, TestNetns } from './support/netns.js';
import { Watch } from './support/watch.js';

const KIB = 1024;
const GIB = KIB ** 3;
/** In a guest, the 1 GiB alone would take a minute. */
const isGuest = process.env.WEIR_LAB_KERNEL !== undefined;

let near: TestNetns;
let far: TestNetns;
let watch: Watch;

before(async () => {
  near = new TestNetns();
  far = new TestNetns();
  near.ip('link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'wire', 'netns', far.name);
  for (const [netns, address] of [
    [near, '192.0.2.1/24'],
    [far, '192.0.2.2/24'],
  ] as const) {
    netns.ip('addr', 'add', address, 'dev', 'wire');
    netns.ip('link', 'set', 'wire', 'up');
    // On a lossy link, three questions for the other end's hardware address may all get lost.
    for (const kind of ['mcast', 'ucast']) netns.sysctl(`net/ipv4/neigh/wire/${kind}_solicit`, 30);
  }
  watch = await Watch.start(near, far);
});

after(async () => {
  await watch[Symbol.asyncDispose]();
  near[Symbol.dispose]();
  far[Symbol.dispose]();
});

/** The payload that a transfer should have moved; for a stalled one, the payload that the kernel reports. */
function payload({
  bytes_client_to_server,
  bytes_server_to_client,
  client_kernel,
  server_kernel,
}: LoadReport) {
  // The client's SYN counts as a byte that was acknowledged.
  const acked = client_kernel!.acked - 1;
  if (bytes_client_to_server === undefined) assert.equal(server_kernel!.received, acked);
  return { there: bytes_client_to_server ?? acked, back: bytes_server_to_client ?? 0 };
}

interface Figures {
  readonly bytes_sent?: number;
  readonly bytes_received?: number;
  readonly retransmits?: number;
}

const figures = ({ bytes_sent, bytes_received, retransmits }: Figures) => ({
  bytes_sent,
  bytes_received,
  retransmits,
});

function expected(truth: LoadReport) {
  const { there, back } = payload(truth);
  const { client_kernel, server_kernel } = truth;
  return {
    client: { bytes_sent: there, bytes_received: back, retransmits: client_kernel!.retransmits },
    server: { bytes_sent: back, bytes_received: there, retransmits: server_kernel!.retransmits },
  };
}

/** Makes a transfer, and compares the live ends, their records, and the table's totals with it. */
async function check(args: readonly string[], moved = async (_: LoadReport) => {}): Promise<LoadReport> {
  const before = { ...watch.live.totals };
  using load = await Load.prepare(near, 'transfer', ...args);
  load.signal();
  const truth = await load.awaitKind('moved');
  const live = await watch.ends(truth);
  const wanted = expected(truth);
  for (const side of ['client', 'server'] as const) {
    assert.deepEqual(figures(live[side]), wanted[side], `the ${side}'s live end`);
    assert.equal(live[side].process?.pid, truth[side].pid);
  }
  if (args.includes('half-client')) {
    assert.deepEqual([live.client.state, live.server.state], ['fin_wait2', 'close_wait']);
  }
  await moved(truth);
  const pair = (await load.run()).find(({ kind }) => kind === 'pair')!;
  const closes = await watch.closes(pair);
  const last = expected(pair);
  for (const side of ['client', 'server'] as const) {
    assert.deepEqual(figures(closes[side]), last[side], `the ${side}'s close record`);
  }
  if (args.includes('--stall')) assert.ok(last.client.bytes_sent > 10_000);
  const { there, back } = payload(pair);
  await watch.live.refresh();
  const { totals } = watch.live;
  assert.equal(totals.bytes_sent - before.bytes_sent, there + back);
  assert.equal(totals.bytes_received - before.bytes_received, there + back);
  const retransmits = last.client.retransmits + last.server.retransmits;
  assert.equal(totals.retransmits - before.retransmits, retransmits);
  return pair;
}

describe('payload bytes are exact', () => {
  const amounts = ['--send', `${1024 * KIB + 13}`, '--reply', '77777'];
  const cases: readonly (readonly [string, ...(readonly string[])])[] = [
    ['nothing'],
    ['one byte', '--send', '1'],
    ['one byte back', '--reply', '1'],
    ['in odd pieces', ...amounts],
    ['sendfile', '--way', 'sendfile', ...amounts],
    ['splice, both ends', '--way', 'splice', ...amounts],
    ['MSG_ZEROCOPY', '--way', 'zerocopy', ...amounts],
    ['eight threads on each socket', '--way', 'threads', ...amounts],
    ['closed by the server', '--closer', 'server', ...amounts],
    ['half-closed, then answered', '--closer', 'half-client', ...amounts],
    ['reset when all has arrived', '--closer', 'reset-client', ...amounts],
    ['reset midway by the client', '--stall', '--closer', 'reset-client'],
    ['reset midway by the server', '--stall', '--closer', 'reset-server'],
    ['IPv6', '--family', '6', ...amounts],
    ['IPv4 through IPv6 sockets', '--family', 'mapped', ...amounts],
  ];
  for (const [name, ...args] of cases) it(name, async () => void (await check(args)));

  it('for 1 GiB in odd pieces', async () => void (await check(['--send', `${isGuest ? GIB / 64 : GIB}`])));
});

/** The kernel's own count for a network namespace: TcpRetransSegs. */
function retransmitted(netns: TestNetns): number {
  const text = ip('netns', 'exec', netns.name, 'cat', '/proc/net/snmp');
  const [names, values] = text
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'))
    .map((line) => line.split(' '));
  return Number(values![names!.indexOf('RetransSegs')]);
}

describe('records of a lossy link', () => {
  it('have the retransmits that the kernel counts, at each end', async () => {
    const server = ['--server-netns', `/run/netns/${far.name}`, '--address', '192.0.2.2'];
    const amounts = ['--send', '3000017', '--reply', '2000003'];
    let wereLost = false;
    // Large frames are few: now and then, none of them is among those that are dropped.
    for (let tries = 0; tries < 10 && !wereLost; tries++) {
      const before = [retransmitted(near), retransmitted(far)];
      const loss = loseFrames([near, far], 'wire', 5);
      const pair = await check([...server, ...amounts], async () => loss[Symbol.dispose]());
      const counted = [retransmitted(near) - before[0]!, retransmitted(far) - before[1]!];
      assert.deepEqual([pair.client_kernel!.retransmits, pair.server_kernel!.retransmits], counted);
      wereLost = counted[0]! > 0 && counted[1]! > 0;
    }
    assert.ok(wereLost, 'nothing was lost');
  });
});
