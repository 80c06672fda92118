/** Connections between network namespaces: each end is reported with its own namespace's inode. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SocketRecord, TraceFilter, TraceRecord } from '../src/index.js';
import { assertComplete, type Collected, collect } from './support/collect.js';
import {
  type LinkKindName,
  leftAddresses,
  linkKinds,
  NetnsPair,
  requirePair,
  rightAddresses,
} from './support/links.js';
import type { TestNetns } from './support/netns.js';
import { Talk } from './support/talk.js';

const PORT = 7070;
const COUNT = 20;
/** The clients' ports. */
const ports = { 4: portsFrom(44_000), 6: portsFrom(46_000) } as const;

function portsFrom(first: number): number[] {
  return Array.from({ length: COUNT }, (_, index) => first + index);
}

/** Connects from `left` to `right`. Returns the expected lines, in any order. */
async function connectAll(pair: NetnsPair, talk: Talk, family: 4 | 6): Promise<string[]> {
  await talk.connect(rightAddresses[family], PORT, ports[family]);
  return ports[family].flatMap((port) => {
    const client = `${leftAddresses[family]} ${port}`;
    const server = `${rightAddresses[family]} ${PORT}`;
    return [
      `connect ${pair.left.inode} ${talk.clientPid} ${client} ${server}`,
      `close ${pair.left.inode} ${talk.clientPid} ${client} ${server} 5 5`,
      `accept ${pair.right.inode} ${talk.serverPid} ${server} ${client}`,
      `close ${pair.right.inode} ${talk.serverPid} ${server} ${client} 5 5`,
    ];
  });
}

function described(record: TraceRecord): string {
  const { event, netns, process, local, peer } = record as SocketRecord & { event: string };
  const ends = `${local.address} ${local.port} ${peer.address} ${peer.port}`;
  const bytes = record.event === 'close' ? ` ${record.bytes_sent} ${record.bytes_received}` : '';
  return `${event} ${netns} ${process?.pid} ${ends}${bytes}`;
}

function assertTold({ records, ...rest }: Collected<string[]>): void {
  assert.deepEqual(records.map(described).sort(), [...rest.result].sort());
  assertComplete({ records, ...rest });
}

function filter(...namespaces: readonly TestNetns[]): { filter: TraceFilter } {
  return { filter: { netns: namespaces.map(({ inode }) => inode) } };
}

describe('connections between namespaces', () => {
  for (const kind of Object.keys(linkKinds) as LinkKindName[]) {
    it(`joined by ${kind} are reported at both ends`, async (t) => {
      using pair = requirePair(t, kind);
      if (pair === undefined) return;
      using talk = new Talk(pair.right, pair.left);
      await talk.listen('::', PORT);
      const collected = await collect(filter(pair.left, pair.right), async () => [
        ...(await connectAll(pair, talk, 4)),
        ...(await connectAll(pair, talk, 6)),
      ]);
      assertTold(collected);
    });
  }

  it('are distinguished where two pairs of namespaces use the same addresses and ports', async () => {
    using one = new NetnsPair('veth');
    using two = new NetnsPair('veth');
    using talkOne = new Talk(one.right, one.left);
    using talkTwo = new Talk(two.right, two.left);
    await talkOne.listen('::', PORT);
    await talkTwo.listen('::', PORT);
    const collected = await collect(filter(one.left, one.right, two.left, two.right), async () => {
      const both = [connectAll(one, talkOne, 4), connectAll(two, talkTwo, 4)];
      return (await Promise.all(both)).flat();
    });
    assertTold(collected);
  });

  it('are reported at one end where the filter names only its namespace', async () => {
    using pair = new NetnsPair('veth');
    using talk = new Talk(pair.right, pair.left);
    await talk.listen('::', PORT);
    const collected = await collect(filter(pair.right), async () => {
      const lines = await connectAll(pair, talk, 6);
      return lines.filter((line) => line.split(' ')[1] === String(pair.right.inode));
    });
    assertTold(collected);
  });
});
