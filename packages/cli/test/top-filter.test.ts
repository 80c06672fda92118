/** The grammar of `weir top`'s filters. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UsageError } from '../src/failure.js';
import { noColour } from '../src/text/colour.js';
import { socketSubject } from '../src/top/filter/subject.js';
import { parseTopFilter, topFields } from '../src/top/filter/top-filter.js';
import { topRequest } from '../src/top/top-flags.js';
import { connection, fakeEnrichment, openSocket, second } from './support/fake-live.js';

const https = connection('10.0.0.5:40000', '198.51.100.7:443', { send_rate: 20_000, bytes_sent: 3_000_000 });
const served = connection('[2001:db8::5]:80', '[2001:db8:1::9]:51000', {
  direction: 'inbound',
  state: 'close_wait',
  process: { pid: 7, comm: 'nginx', uid: 0 },
  retransmits: 2,
  netns: 42,
});
const dns = connection('10.0.0.5:50000', '10.0.0.53:53', {
  transport: 'udp',
  process: { pid: 9, comm: 'Web Content', uid: 1000 },
});
const unknown = connection('10.0.0.5:22', '192.0.2.9:1024', { process: undefined, direction: undefined });
const context = { enrichment: fakeEnrichment, nowNs: 60 * second };
const all = { https, served, dns, unknown };

/** Which of the connections a filter lets through. */
function chosen(text: string): string[] {
  const { matches, problems } = parseTopFilter(text);
  assert.deepEqual(problems, []);
  return Object.entries(all).flatMap(([name, item]) => (matches(item, context) ? [name] : []));
}

describe('a filter of weir top', () => {
  for (const [text, expected] of [
    ['port:443', ['https']],
    ['port:443,53', ['https', 'dns']],
    ['port:40000-60000', ['https', 'served', 'dns']],
    ['port:https', ['https']],
    ['lport:80', ['served']],
    ['pport:domain', ['dns']],
    ['proc:nginx', ['served']],
    ['proc:/usr/bin/CURL', ['https']],
    ['proc:"web content"', ['dns']],
    ['"web content"', ['dns']],
    ['cmd:"a b"', ['https']],
    ['pid:7,9', ['served', 'dns']],
    ['uid:1000', ['https', 'dns']],
    ['peer:10.0.0.0/8', ['dns']],
    ['peer:198.51.100.7', ['https']],
    ['peer:seven.example', ['https']],
    ['peer:2001:db8::/32', ['served']],
    ['local:10.0.0.5', ['https', 'dns', 'unknown']],
    ['addr:10.0.0.0/8 -peer:10.0.0.0/8', ['https', 'unknown']],
    ['10.0.0.53/32', ['dns']],
    ['peer:10.1.0.0/1', ['dns']],
    ['addr:0.0.0.0/0', ['https', 'dns', 'unknown']],
    ['addr:::/0', ['served']],
    ['2001:db8:1::9', ['served']],
    ['state:close_wait', ['served']],
    ['state:est', ['https', 'unknown']],
    ['proto:udp', ['dns']],
    ['proto:tcp6', ['served']],
    ['!proto:udp', ['https', 'served', 'unknown']],
    ['dir:in', ['served']],
    ['dir:outbound', ['https', 'dns']],
    ['netns:42', ['served']],
    ['container:c0ffee', ['https']],
    ['container:docker', ['https']],
    ['pod:12345678', ['https']],
    ['unit:nginx', ['served']],
    ['rate:>10k', ['https']],
    ['bytes:<1M', ['served', 'dns', 'unknown']],
    ['retrans:>0', ['served']],
    ['seven', ['https']],
    ['domain', ['dns']],
    ['4242', ['https']],
    ['-curl -nginx', ['dns', 'unknown']],
    ['port:443 proc:curl state:established', ['https']],
    ['port:443 proc:nginx', []],
    ['', ['https', 'served', 'dns', 'unknown']],
    ['-', []],
    ['proc:nginx or port:53', ['served', 'dns']],
    ['not (proc:nginx or port:53)', ['https', 'unknown']],
    ['(port:443 or port:53) uid=1000 not proto:udp', ['https']],
    ['peer=10.0.0.0/8 or unit=*.service', ['served', 'dns']],
    ['retrans>=2', ['served']],
    ['bytes>=3MB', ['https']],
    ['dir=*', ['https', 'served', 'dns']],
    ['dir!=inbound', ['https', 'dns', 'unknown']],
    ['uid:root', ['served']],
    ['service:https', ['https']],
    ['age<=1m', ['https', 'served', 'dns', 'unknown']],
    ['idle>1h', []],
  ] as const) {
    it(`chooses the right connections: ${text === '' ? 'nothing' : text}`, () =>
      assert.deepEqual(chosen(text), expected));
  }

  it('chooses sockets that listen', () => {
    const socket = socketSubject(openSocket('0.0.0.0:443'));
    const matches = (text: string) => parseTopFilter(text).matches(socket, context);
    assert.ok(matches('port:443 proc:nginx state:listen local:0.0.0.0'));
    assert.ok(!matches('peer:10.0.0.0/8'));
    assert.ok(!matches('dir:in'));
    assert.ok(matches('-dir:in'));
  });

  it('accepts the example of every field', () => {
    for (const { name, example } of topFields) {
      assert.deepEqual(parseTopFilter(`${name}:${example}`).problems, [], name);
    }
  });
});

describe('a wrong term of a filter', () => {
  for (const [text, problem] of [
    ['foo:bar', /no field foo.*"foo:bar"/],
    ['constructor:x', /no field constructor/],
    ['port:', /port: needs a value, such as port:443/],
    ['port:80,', /port: needs a value/],
    ['port:70000', /65535/],
    ['port:1-', /port/],
    ['pid:x', /pid: takes a number/],
    ['peer:10.0.0.0/33', /no prefix/],
    ['proto:icmp', /proto: takes tcp, udp/],
    ['state:gone', /state: takes established/],
    ['dir:toString', /dir: takes/],
    ['rate:10', /rate: takes < or >/],
    ['error=ECONNREFUSED', /^error: rows of weir top do not have it \(column 1\)/],
    ['prot:tcp', /did you mean proto:tcp/],
  ] as const) {
    it(`is reported, and does not count: ${text}`, () => {
      const { problems, matches } = parseTopFilter(`${text} proc:nginx`);
      assert.equal(problems.length, 1);
      assert.match(problems[0]!.message, problem);
      assert.ok(matches(served, context), 'and the other term counts');
      assert.ok(!matches(https, context));
    });
  }

  it('is refused on the command line', () => {
    const request = (filter: string) =>
      topRequest(
        { view: 'connections', tcp: true, udp: true, ipv6: true, enrich: true, color: 'never', filter },
        noColour,
        80,
      );
    request('port:443 or (proc:nginx)');
    for (const [filter, message] of [
      ['port:443 prot:tcp', /^--filter: there is no field prot; .*did you mean proto:tcp\? \(column 10\)$/],
      ['port:9-8', /^--filter: port: the range 9-8 ends before it begins.*\(column 6\)$/],
      ['(proc:nginx', /^--filter: this \( is not closed.*\(column 1\)$/],
    ] as const) {
      assert.throws(
        () => request(filter),
        (error) => error instanceof UsageError && message.test(error.message),
      );
    }
    assert.deepEqual(parseTopFilter('port:9-8').problems, [], 'more may be typed');
  });

  it('throws nothing, whatever is typed', () => {
    const pieces = ['"', 'port', ':', '-', '!', ',', '/', '0', ' ', '::', '>', '\\', '(', '🦊', '['];
    let seed = 1;
    for (let round = 0; round < 2_000; round++) {
      let text = '';
      for (let length = 0; length < 8; length++) {
        seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
        text += pieces[seed % pieces.length];
      }
      parseTopFilter(text).matches(https, context);
    }
  });
});
