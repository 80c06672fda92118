/** Reals that come from elsewhere: what counts of the answers, and when. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError, parseConfig } from '../src/config/index.js';
import { followSources } from '../src/control/sourced-reals.js';
import { MOST_FOUND, usableReals } from '../src/sources/found-real.js';
import { RealSources } from '../src/sources/real-sources.js';
import type { SourceEvents } from '../src/sources/source.js';
import { FakeClock } from './support/fake-clock.js';

function file(source: string, vip = 'address: 198.51.100.1, port: 80, protocol: tcp', more = '') {
  return parseConfig(`interface: eth0\n${more}\nvips:\n- {name: web, ${vip}, reals: ${source}}\n`);
}

const dns = '{from: {dns: {name: web.example}}';

/** Sources of a file, which the test answers for. */
async function followed(config = file(`${dns}}`), saved?: Parameters<RealSources['prepare']>[2]) {
  const clock = new FakeClock();
  const log: string[] = [];
  const opened: SourceEvents[] = [];
  let changes = 0;
  const sources = new RealSources({
    clock,
    log: (line) => log.push(line),
    onChange: () => changes++,
    open: (_vip, _source, events) => {
      opened.push(events);
      return { [Symbol.dispose]: () => opened.splice(opened.indexOf(events), 1) };
    },
  });
  const preparing = sources.prepare(config, 5000, saved);
  await clock.pass(5001);
  (await preparing).commit();
  const [vip] = config.vips;
  return {
    clock,
    log,
    opened,
    sources,
    changes: () => changes,
    /** The last octets of the reals, with weights that are not 1. */
    reals: () =>
      sources
        .reals(vip!)
        ?.map(({ address, weight }) => `${address.split('.')[3]}${weight === 1 ? '' : `=${weight}`}`)
        .join(' '),
    answer: (...octets: number[]) =>
      opened[0]!.answer(octets.map((octet) => ({ address: `10.0.0.${octet}` }))),
    status: () => sources.status(vip!)!,
  };
}

describe('reals from a source', () => {
  it('count at once in the first answer, later after the delay, and a difference that does not last never does', async () => {
    const { clock, answer, reals, status } = await followed();
    assert.deepEqual([reals(), status().state], [undefined, 'waiting']);
    answer(1, 2, 3);
    assert.deepEqual([reals(), status().state, status().found], ['1 2 3', 'answers', 3]);
    answer(1, 2, 3, 4);
    await clock.pass(1900);
    answer(1, 2, 3);
    await clock.pass(5000);
    assert.equal(reals(), '1 2 3');
    answer(1, 2, 3, 4);
    assert.equal(status().pending, 1);
    await clock.pass(1500);
    answer(2, 3, 4);
    await clock.pass(600);
    assert.equal(reals(), '1 2 3 4');
    await clock.pass(1500);
    // It left, and keeps its flows for a while.
    assert.equal(reals(), '1=0 2 3 4');
    await clock.pass(60_001);
    assert.equal(reals(), '2 3 4');
  });

  it('leave some at a time, and one that returns while it keeps its flows has its weight again', async () => {
    const { clock, answer, reals } = await followed();
    answer(1, 2, 3, 4);
    answer(4);
    await clock.pass(2001);
    assert.equal(reals(), '1=0 2=0 3 4');
    await clock.pass(1990);
    assert.equal(reals(), '1=0 2=0 3 4');
    await clock.pass(20);
    assert.equal(reals(), '1=0 2=0 3=0 4');
    answer(1, 4);
    await clock.pass(2001);
    assert.equal(reals(), '1 2=0 3=0 4');
    await clock.pass(60_001);
    assert.equal(reals(), '1 4');
  });

  it('leave by number and without a time to keep flows, as the file says', async () => {
    const config = file(`${dns}, maxRemovals: 1, drain: 0, delay: 1s}`);
    const { clock, answer, reals } = await followed(config);
    answer(1, 2, 3);
    answer(3);
    await clock.pass(1001);
    assert.equal(reals(), '2 3');
    await clock.pass(1001);
    assert.equal(reals(), '3');
  });

  it('stay as they were while the source is gone, which is said once', async () => {
    const { opened, answer, reals, status, log, clock } = await followed();
    answer(1, 2);
    opened[0]!.fails(new Error('no\nanswer'));
    opened[0]!.fails(new Error('no\nanswer'));
    await clock.pass(600_000);
    assert.equal(reals(), '1 2');
    const { state, error, failures } = status();
    assert.deepEqual([state, error, failures], ['gone', 'no answer', 2]);
    assert.ok(status().goneSince !== undefined && status().answered !== undefined);
    answer(1, 2);
    assert.deepEqual([status().state, status().error, status().goneSince], ['answers', undefined, undefined]);
    assert.deepEqual(log, [
      'web: reals from dns web.example: no answer; the reals known last stay',
      'web: reals from dns web.example: answers again',
    ]);
  });

  it('stay where an answer is empty or useless, unless the file allows it', async () => {
    const strict = await followed();
    strict.opened[0]!.answer([]);
    assert.equal(strict.status().error, 'it names no real');
    strict.answer(1);
    strict.opened[0]!.answer([]);
    strict.opened[0]!.answer([{ address: '127.0.0.1' }, { address: '\x1b[31mevil' }]);
    await strict.clock.pass(600_000);
    assert.equal(strict.reals(), '1');
    assert.equal(strict.status().error, 'none of its reals can be used: 127.0.0.1 is a loopback address');
    strict.opened[0]!.answer(Array.from({ length: MOST_FOUND + 1 }, () => ({ address: '10.0.0.1' })));
    assert.match(strict.status().error!, /names 4097 reals, which is more than 4096/);
    const lax = await followed(file(`${dns}, allowEmpty: true, drain: 0}`));
    lax.answer(1);
    lax.opened[0]!.answer([]);
    await lax.clock.pass(2001);
    assert.deepEqual([lax.reals(), lax.status().state], ['', 'answers']);
  });

  it('are known from an earlier process, of the same source only', async () => {
    const first = await followed();
    first.answer(1, 2, 3);
    first.answer(2, 3);
    await first.clock.pass(2001);
    const saved = JSON.parse(JSON.stringify(first.sources.saved()));
    const again = await followed(undefined, saved);
    assert.deepEqual([again.reals(), again.status().state], ['1=0 2 3', 'waiting']);
    again.opened[0]!.fails(new Error('away'));
    assert.equal(again.reals(), '1=0 2 3');
    const other = await followed(file('{from: {dns: {name: other.example}}}'), saved);
    assert.equal(other.reals(), undefined);
  });

  it('of a changed configuration: sources that are the same go on, others end when it is in force', async () => {
    const { sources, opened, answer, reals } = await followed();
    answer(1, 2);
    const same = await sources.prepare(file(`${dns}}`, undefined, 'metrics: {listen: "127.0.0.1:1"}'), 1);
    assert.deepEqual([opened.length, same.config.vips[0]!.reals.length], [1, 2]);
    same.commit();
    // Other limits, the same name: what is known stays known.
    const slower = await sources.prepare(file(`${dns}, delay: 1m}`), 1);
    assert.deepEqual([opened.length, slower.config.vips[0]!.reals.length], [2, 2]);
    slower.rollback();
    assert.deepEqual([opened.length, reals()], [1, '1 2']);
    const listed = await sources.prepare(file('[{address: 10.0.0.9}]'), 1);
    listed.commit();
    assert.deepEqual([opened.length, sources.statuses()], [0, []]);
  });

  it('are those that a VIP can use, each once', () => {
    const nat = 'address: 198.51.100.1, port: 80, protocol: tcp, forwarding: nat';
    const [translated] = file(
      `${dns}, weight: 7, within: [10.0.0.0/8]}`,
      nat,
      'nat: {sources: [192.0.2.1]}',
    ).vips;
    const found = [
      { address: '10.0.0.2', port: 8080, weight: 3 },
      { address: '10.0.0.2', port: 8080, weight: 4 },
      { address: '10.0.0.1', port: 80 },
      { address: '192.0.2.7' },
      { address: '2001:db8::1' },
      { address: '::ffff:10.0.0.3' },
      { address: '10.0.0.3', weight: -1 },
      { address: '10.0.0.3', port: 99_999 },
      { address: 'web.example' },
    ];
    const usable = usableReals(translated!, translated!.source!, found);
    assert.deepEqual(
      usable.reals.map(({ name, port, weight }) => [name, port, weight]),
      [
        ['10.0.0.1', undefined, 7],
        ['10.0.0.2:8080', 8080, 3],
      ],
    );
    assert.deepEqual([usable.skipped, usable.why], [6, '192.0.2.7 is not in the prefixes of within']);
    // A tunnel keeps the port.
    const [tunnelled] = file(`${dns}}`, 'address: "2001:db8::80", port: 80, protocol: tcp').vips;
    const six = usableReals(tunnelled!, tunnelled!.source!, [
      { address: '2001:DB8::1', port: 1 },
      { address: '10.0.0.1' },
    ]);
    assert.deepEqual(
      six.reals.map(({ name }) => name),
      ['10.0.0.1', '2001:db8::1'],
    );
    assert.equal(six.why, undefined);
  });
});

describe('a balancer that follows sources', () => {
  it('changes each VIP by itself, and goes on without what is refused', () => {
    const config = parseConfig(`interface: eth0
options: {maxReals: 4}
vips:
- {name: a, address: 198.51.100.1, port: 80, protocol: tcp, reals: ${dns}}}
- {name: b, address: 198.51.100.2, port: 80, protocol: tcp, reals: ${dns}}}
`);
    const [a, b] = config.vips;
    const real = (octet: number, weight = 1) => {
      const address = `10.0.0.${octet}`;
      return { address, name: address, weight, local: false, down: false };
    };
    const known = new Map([
      ['a', [real(1), real(2), real(3), real(4)]],
      ['b', [real(5, 2)]],
    ]);
    const refused: string[] = [];
    const log: string[] = [];
    let now = config;
    let applied = 0;
    const sources = {
      reals: ({ name }: typeof a & object) => known.get(name),
      refused: ({ name }: typeof a & object, message: string | undefined) =>
        void refused.push(`${name} ${message}`),
    };
    const balancer = {
      config: () => now,
      apply: (next: typeof config) => {
        now = next;
        applied++;
      },
      log: (line: string) => log.push(line),
    };
    assert.equal(followSources(sources, balancer), true);
    assert.deepEqual(refused, ['a 4 reals, but maxReals leaves room for 3 only', 'b undefined']);
    assert.deepEqual(log, ['b: reals 10.0.0.5 added']);
    assert.deepEqual(
      now.vips.map(({ reals }) => reals.length),
      [0, 1],
    );
    known.set('a', [real(1)]).set('b', [real(5, 0), real(6)]);
    assert.equal(followSources(sources, balancer), true);
    assert.deepEqual(log.slice(1), ['a: reals 10.0.0.1 added', 'b: reals 10.0.0.6 added; 10.0.0.5 drained']);
    assert.equal(applied, 2, 'what is not refused, at once');
    assert.equal(followSources(sources, balancer), false);
    assert.ok(a !== undefined && b !== undefined);
  });
});

describe('the configuration of a source', () => {
  const problems = (source: string): string => {
    try {
      file(source);
      return '';
    } catch (error) {
      assert.ok(error instanceof ConfigError);
      return error.lines.join('\n');
    }
  };

  it('says what is wrong, and where', () => {
    assert.equal(problems(`${dns}, delay: 5s, maxRemovals: 3, within: ["10.0.0.0/8"]}`), '');
    assert.match(
      problems('{from: {}}'),
      /^config:4:\d+: from: expected one of dns, file, fileSd, consul, kubernetes$/,
    );
    assert.match(problems('{from: {dns: {name: a}, file: {path: /a}}}'), /expected one of dns/);
    assert.match(problems('{from: {dns: {name: "a b"}}}'), /name: expected a name of DNS/);
    assert.match(problems('{from: {dns: {name: a, servers: [localhost]}}}'), /servers: expected an address/);
    assert.match(
      problems('{from: {consul: {service: a, url: "http://u:p@h"}}}'),
      /url: expected the address of an API/,
    );
    assert.match(problems('{from: {kubernetes: {service: ../a}}}'), /service: expected letters, digits/);
    assert.match(problems(`${dns}, maxRemovals: 0%}`), /maxRemovals: expected a number of reals, or a share/);
    assert.match(problems(`${dns}, delai: 1s}`), /delai is not known here; did you mean delay\?/);
    assert.match(problems('[]'), /reals: expected at least 1/);
  });
});
