/** `weir trace --filter`. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import { UsageError } from '../src/failure.js';
import { Output } from '../src/output/output.js';
import { type FilterFlags, recordFilter } from '../src/trace/filter-records.js';
import { runSession } from '../src/trace/trace-session.js';
import { Capture } from './support/captured-output.js';
import { FakeFactory } from './support/fake-tracer.js';
import { accept, close, connect, enriched, fail, lost, udpFlow } from './support/records.js';

const records = [connect(), accept(), close(), fail(), udpFlow(), enriched(), lost()];

/** The kinds of records that are let through. */
function chosen(filter: string, flags: FilterFlags = {}): string[] {
  const test = recordFilter({ ...flags, filter })!;
  return records.filter(test).map(({ event }) => event);
}

describe('weir trace --filter', () => {
  it('lets through what meets it, and every loss', () => {
    assert.deepEqual(chosen('event:close or event:fail'), ['close', 'fail', 'lost']);
    assert.deepEqual(chosen('error=*'), ['fail', 'lost']);
    assert.deepEqual(chosen('proto:udp'), ['udp_flow', 'lost']);
    assert.deepEqual(chosen('nothing-like-it'), ['lost']);
    assert.deepEqual(chosen('uid:root or uid:1000 not event:close').at(-1), 'lost');
    assert.equal(recordFilter({}), undefined);
  });

  it('finds what --enrich and --resolve add, and refuses to look for it without them', () => {
    assert.deepEqual(chosen('container:* or cmd=*', { enrich: true }), ['connect', 'lost']);
    for (const [filter, flags, message] of [
      ['cmd:x', {}, /--filter: cmd: records without --enrich and --resolve do not have it \(column 1\)$/],
      ['unit=*', { resolve: true }, /unit: records without --enrich do not have it/],
      ['peer_name:x', { enrich: true }, /peer_name: records without --resolve do not have it/],
      ['proc:a state:listen', { enrich: true, resolve: true }, /state: records do not have it \(column 8\)$/],
      ['country=DE', { networks: ['x'] }, /country: records without --geo do not have it \(column 1\)$/],
      ['asn=1', {}, /asn: records without --geo do not have it/],
      ['peer_group=db', { geo: ['x'] }, /peer_group: records without --networks do not have it/],
      ['(error', {}, /this \( is not closed.*\(column 1\)$/],
      ['user:no-such-user', {}, /there is no user no-such-user here/],
    ] as const) {
      assert.throws(
        () => recordFilter({ ...flags, filter }),
        (error) => error instanceof UsageError && message.test(error.message),
        filter,
      );
    }
  });

  for (const format of ['json', 'text'] as const) {
    it(`prints only what it lets through, as ${format}, and counts that`, async () => {
      const stdout = new Capture();
      const stderr = new Capture();
      const factory = new FakeFactory({ batches: [records, [connect()]], ends: true });
      const host = { stdout: new Output(stdout), stderr, signals: new EventEmitter(), exit: () => undefined };
      const filter = recordFilter({ filter: 'event=fail' });
      assert.equal(await runSession({ options: {}, format, filter }, factory, host), 0);
      const lines = stdout.text.split('\n').filter((line) => /fail|lost/.test(line));
      assert.equal(lines.length, 2);
      assert.ok(!/connect /.test(stdout.text.replace(/^.*LOCAL.*\n/, '')));
      assert.match(stderr.text, /^weir: 1 event in .*: 1 fail/);
    });
  }
});
