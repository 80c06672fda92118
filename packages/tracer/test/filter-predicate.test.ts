/** Which records filters choose. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeBytes } from '@weir/ebpf/byte-text';
import {
  type FilterableRecord,
  filterPredicate,
  parseFilter,
  type ServicePort,
} from '../src/filter/index.js';

const services: readonly ServicePort[] = [
  { name: 'https', port: 443, transport: 'tcp' },
  { name: 'domain', port: 53, transport: 'udp' },
  { name: 'domain', port: 53, transport: 'tcp' },
];

const closed: FilterableRecord = {
  event: 'close',
  process: {
    pid: 4242,
    tid: 4243,
    comm: 'curl',
    uid: 1000,
    executable: '/usr/bin/curl',
    command_line: 'curl https://example.com/A b',
    unit: 'user@1000.service',
    container_name: 'shop_web_1',
    container_id: 'c0ffee',
  },
  thread: 'resolver',
  netns: 42,
  cgroup_id: 77,
  network: { transport: 'tcp', type: 'ipv4' },
  local: { address: '10.0.0.5', port: 40_000 },
  peer: { address: '198.51.100.7', port: 443, name: 'seven.example.com' },
  direction: 'outbound',
  flow_id: '1a2b',
  duration_us: 1_520_000,
  bytes_sent: 517,
  bytes_received: 1_230_000,
  segments_sent: 10,
  segments_received: 20,
  retransmits: 0,
  srtt_us: 850,
  closed_by: 'local',
};
const refused: FilterableRecord = {
  event: 'fail',
  process: { pid: 7, tid: 7, comm: decodeBytes(Uint8Array.of(0x63, 0xe9)), uid: 0 },
  netns: 43,
  network: { transport: 'tcp', type: 'ipv6' },
  local: { address: 'fe80::5', port: 40_001 },
  peer: { address: 'fe80::9', port: 80 },
  interface: 'eth0',
  error: 'ECONNREFUSED',
};
const timedOut: FilterableRecord = { ...refused, process: { pid: 8, comm: 'Σίσυφοσ' }, error: 'ETIMEDOUT' };
const flow: FilterableRecord = {
  event: 'udp_flow',
  network: { transport: 'udp', type: 'ipv4' },
  local: { address: '10.0.0.5', port: 50_000 },
  peer: { address: '10.0.0.53', port: 53 },
  closed_by: 'idle',
  datagrams_sent: 1,
  datagrams_received: 2,
};
const all = { closed, refused, timedOut, flow };

function chosen(text: string): string {
  const test = filterPredicate(parseFilter(text), { services });
  return Object.entries(all)
    .filter(([, record]) => test(record))
    .map(([name]) => name)
    .join(' ');
}

describe('a filter of records', () => {
  for (const [text, expected] of [
    ['', 'closed refused timedOut flow'],
    ['error=ECONNREFUSED', 'refused'],
    ['error=econnrefused', 'refused'],
    ['not error=ECONNREFUSED', 'closed timedOut flow'],
    ['error!=ECONNREFUSED', 'closed timedOut flow'],
    ['error=* error!=ECONNREFUSED', 'timedOut'],
    ['not error=*', 'closed flow'],
    ['srtt>1ms', ''],
    ['not srtt>1ms', 'closed refused timedOut flow'],
    ['srtt<=850us', 'closed'],
    ['srtt=850us', 'closed'],
    ['srtt=*', 'closed'],
    ['duration:1s-2s', 'closed'],
    ['bytes>1.2M sent<1kB', 'closed'],
    ['bytes=1230517', 'closed'],
    ['bytes<1M', ''],
    ['segments=30 retrans=0', 'closed'],
    ['datagrams>=3', 'flow'],
    ['retrans:0', 'closed'],
    ['event:close or event:fail', 'closed refused timedOut'],
    ['event=udp_flow', 'flow'],
    ['(peer:10.0.0.0/8 or peer:fe80::/10) not pid:7', 'timedOut flow'],
    ['peer:0.0.0.0/0', 'closed flow'],
    ['peer:::/0', 'refused timedOut'],
    ['addr:10.0.0.5', 'closed flow'],
    ['addr!=10.0.0.5', 'refused timedOut'],
    ['peer:198.51.', 'closed'],
    ['peer=*.example.com', 'closed'],
    ['peer_name:seven', 'closed'],
    ['port:443', 'closed'],
    ['port:domain', 'flow'],
    ['pport<100', 'refused timedOut flow'],
    ['lport>40000', 'refused timedOut flow'],
    ['proc:curl', 'closed'],
    ['proc=curl', 'closed'],
    ['proc=cur', ''],
    ['proc=/usr/*/c?rl', 'closed'],
    ['cmd="*"', ''],
    ['cmd=*"/a b"', 'closed'],
    ['comm:c\\xe9', 'refused'],
    ['comm=σίσυφοσ', 'timedOut'],
    ['comm=ΣΊΣΥΦΟΣ', 'timedOut'],
    ['thread:resolve', 'closed'],
    ['tid:4243 uid:1000 cgroup:77 netns:42', 'closed'],
    ['container:shop container_id:C0FF', 'closed'],
    ['interface:eth', 'refused timedOut'],
    ['proto:tcp6', 'refused timedOut'],
    ['type:ipv4 transport:udp', 'flow'],
    ['dir:out', 'closed'],
    ['-dir:out', 'refused timedOut flow'],
    ['flow_id:1A2B', 'closed'],
    ['closed_by:local,idle', 'closed flow'],
    ['443', 'closed'],
    ['10.0.0.5:50000', 'flow'],
    ['fe80::9%eth0', 'refused timedOut'],
    ['seven', 'closed'],
    ['domain', 'flow'],
    ['4242', 'closed'],
    ['refused', 'refused'],
    ['fail', 'refused timedOut'],
    ['udp', 'flow'],
  ] as const) {
    it(`chooses the right ones: ${text === '' ? 'nothing' : text}`, () =>
      assert.equal(chosen(text), expected));
  }

  it('matches a pattern in time that is no more than the product of the lengths', () => {
    const test = filterPredicate(parseFilter(`cmd=${'*a'.repeat(60)}*b`));
    // Every way to place the wildcards would take for ever.
    assert.ok(!test({ process: { command_line: 'a'.repeat(4_096) } }));
  });
});
