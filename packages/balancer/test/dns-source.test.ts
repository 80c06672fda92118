/** Reals from DNS: messages of any form, and a server of the test's own. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SourceConfig } from '../src/config/index.js';
import { askDns } from '../src/sources/dns-client.js';
import { decodeAnswer, encodeQuestion } from '../src/sources/dns-message.js';
import { addressesOf, srvTargets } from '../src/sources/dns-records.js';
import { dnsSource } from '../src/sources/dns-source.js';
import type { FoundReal } from '../src/sources/found-real.js';
import { encodeAnswer, FakeDns, type FakeRecord } from './support/fake-dns.js';

const question = { id: 7, name: 'Web.example.', type: 'A' } as const;
const asked = encodeQuestion(7, question.name, 'A');
const a = (name: string, data: string, ttl = 60): FakeRecord => ({ name, type: 'A', ttl, data });
const alias = (name: string, data: string, ttl = 60): FakeRecord => ({ name, type: 'CNAME', ttl, data });
const srv = (data: readonly [number, number, number, string], ttl = 60): FakeRecord => ({
  ...{ name: '_web._tcp.example', type: 'SRV', ttl },
  data,
});
const decoded = (...answers: readonly FakeRecord[]) =>
  decodeAnswer(encodeAnswer(asked, { answers }), question)!;

describe('messages of DNS', () => {
  it('have addresses behind aliases, with the shortest lifetime', () => {
    const answer = decoded(
      alias('web.example', 'a.example', 300),
      a('b.example', '10.0.0.2', 200),
      alias('a.example', 'B.example', 100),
      a('other.example', '10.0.0.9', 1),
    );
    assert.deepEqual(addressesOf('web.example', 'A', answer), { reals: [{ address: '10.0.0.2' }], ttl: 100 });
    const circle = decoded(alias('web.example', 'a.example'), alias('a.example', 'web.example'));
    assert.deepEqual(addressesOf('web.example', 'A', circle).reals, []);
  });

  it('have servers of the lowest priority with their weights', () => {
    const answer = decoded(
      srv([10, 5, 80, 'a.example']),
      srv([10, 0, 81, 'b.example'], 30),
      srv([20, 9, 80, 'c.example']),
      srv([10, 1, 80, '']),
    );
    const { targets, ttl } = srvTargets('_web._tcp.example', answer);
    assert.deepEqual(
      targets.map(({ target, port, weight }) => [target, port, weight]),
      [
        ['a.example', 80, 5],
        ['b.example', 81, 1],
      ],
    );
    assert.equal(ttl, 30);
  });

  it('that answer another question do not count', () => {
    const good = encodeAnswer(asked, { answers: [a('web.example', '10.0.0.1')] });
    assert.equal(decodeAnswer(good, { ...question, id: 8 }), undefined);
    assert.equal(decodeAnswer(good, { ...question, name: 'other.example' }), undefined);
    assert.equal(decodeAnswer(good, { ...question, type: 'AAAA' }), undefined);
    assert.equal(decodeAnswer(asked, question), undefined);
    assert.equal(decodeAnswer(Buffer.alloc(3), question), undefined);
  });

  it('of any form are read to their end, or refused', () => {
    const good = encodeAnswer(asked, {
      answers: [alias('web.example', 'a.example'), srv([1, 2, 3, 'x.example']), a('a.example', '10.0.0.1')],
    });
    for (let length = 12; length < good.length; length++)
      assert.throws(() => {
        if (decodeAnswer(good.subarray(0, length), question) === undefined) throw new Error('none');
      });
    let random = 1;
    for (let i = 0; i < 20_000; i++) {
      const bad = Buffer.from(good);
      for (let change = 0; change < 3; change++) {
        random = (random * 1_103_515_245 + 12_345) % 2 ** 31;
        bad[12 + (random % (bad.length - 12))] = (random >> 8) & 255;
      }
      try {
        decodeAnswer(bad, question);
      } catch (error) {
        assert.ok(error instanceof Error && !(error instanceof TypeError), String(error));
      }
    }
    // A name that points to itself, as the record's name.
    const circle = Buffer.concat([
      encodeAnswer(asked, {}),
      Buffer.from('c01d00010001000000010004c0000201', 'hex'),
    ]);
    circle.writeUInt16BE(1, 6);
    circle.writeUInt16BE(0xc000 + encodeAnswer(asked, {}).length, encodeAnswer(asked, {}).length);
    assert.throws(() => decodeAnswer(circle, question), /points ahead/);
    const many = Buffer.from(encodeAnswer(asked, {}));
    many.writeUInt16BE(0xffff, 6);
    assert.throws(() => decodeAnswer(many, question), /too many records/);
  });
});

/** Follows a name until the test has seen enough. */
function followed(config: Omit<NonNullable<SourceConfig['from']['dns']>, 'name'>, name = 'web.example') {
  const seen: (readonly FoundReal[] | Error)[] = [];
  let look = () => {};
  const report = (what: readonly FoundReal[] | Error) => {
    seen.push(what);
    look();
  };
  const answer = (reals: readonly FoundReal[]) => {
    report(reals);
    return reals.length > 0;
  };
  const source = dnsSource({ ...config, name }, { answer, fails: report, unchanged: () => {} });
  return {
    seen,
    [Symbol.dispose]: () => source[Symbol.dispose](),
    async next(count: number): Promise<readonly (readonly FoundReal[] | Error)[]> {
      while (seen.length < count) await new Promise<void>((resolve) => (look = resolve));
      return seen;
    },
  };
}

describe('reals from a server of DNS', () => {
  it('are asked for again when they expire', async () => {
    await using server = await FakeDns.start();
    let octet = 1;
    // A lifetime of 0 counts as a second.
    server.answer = (name) => ({ answers: [a(name, `10.0.0.${octet++}`, 0)] });
    using source = followed({ type: 'A', servers: [server.server] });
    const start = performance.now();
    assert.deepEqual(await source.next(2), [[{ address: '10.0.0.1' }], [{ address: '10.0.0.2' }]]);
    assert.ok(performance.now() - start > 900);
    assert.deepEqual(server.asked, ['web.example A', 'web.example A']);
  });

  it('are asked for again after a second where there are none, whatever lifetime that has', async () => {
    await using server = await FakeDns.start();
    server.answer = (name) => ({ answers: server.asked.length < 2 ? [] : [a(name, '10.0.0.1')] });
    using source = followed({ type: 'A', servers: [server.server] });
    assert.deepEqual(await source.next(2), [[], [{ address: '10.0.0.1' }]]);
  });

  it('of SRV come with what was sent along, or are asked for by name', async () => {
    await using server = await FakeDns.start();
    server.answer = (name, type) => {
      if (type === 'SRV')
        return {
          answers: [
            srv([1, 3, 8080, 'a.example']),
            srv([1, 1, 8081, 'b.example']),
            srv([1, 1, 82, 'c.example']),
          ],
          additional: [a('a.example', '10.0.0.1')],
        };
      if (name === 'b.example') return { answers: type === 'A' ? [a(name, '10.0.0.2')] : [] };
      return { answers: type === 'AAAA' ? [{ name, type, ttl: 60, data: '2001:db8::3' }] : [] };
    };
    using source = followed({ type: 'SRV', servers: [server.server] }, '_web._tcp.example');
    assert.deepEqual(await source.next(1), [
      [
        { address: '10.0.0.1', port: 8080, weight: 3 },
        { address: '10.0.0.2', port: 8081, weight: 1 },
        { address: '2001:db8::3', port: 82, weight: 1 },
      ],
    ]);
  });

  it('come over a connection where they do not fit a datagram, and from the next server where one fails', async () => {
    await using broken = await FakeDns.start();
    broken.answer = () => ({ code: 2 });
    await using server = await FakeDns.start();
    const many = Array.from({ length: 300 }, (_, i) => a('web.example', `10.0.${i >> 8}.${i & 255}`));
    server.answer = (_name, _type, isTcp) => (isTcp ? { answers: many } : { truncated: true });
    const { signal } = new AbortController();
    const servers = [broken.server, server.server];
    const answer = await askDns(servers, 'web.example', 'A', signal);
    assert.equal(answer.answers.length, 300);
    assert.deepEqual(server.asked, ['web.example A', 'web.example A tcp']);
  });

  it('that cannot be had fail with the reason', async () => {
    await using server = await FakeDns.start();
    const { signal } = new AbortController();
    const ask = () => askDns([server.server], 'web.example', 'A', signal);
    server.answer = () => ({ code: 3 });
    await assert.rejects(ask(), /there is no such name \(NXDOMAIN\)/);
    server.answer = (_name, _type, isTcp) =>
      isTcp ? Buffer.from('nonsense, and more of it') : { truncated: true };
    await assert.rejects(ask(), /answers another question/);
    const good = () => encodeAnswer(encodeQuestion(0, 'x', 'A'), {});
    server.answer = (_name, _type, isTcp) => (isTcp ? good() : { truncated: true });
    await assert.rejects(ask(), /answers another question/);
    await assert.rejects(askDns([], 'web.example', 'A', signal), /no server of DNS/);
  });
});
