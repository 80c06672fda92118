/** Several passes of a discovery: one disturbed connection costs time, and never a field. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type DiscoveredField, type FieldName, knownFields } from '../src/discovery/fields.js';
import { combine, needsAnotherPass, type Pass } from '../src/discovery/passes.js';

const everything: readonly DiscoveredField[] = knownFields.map((field, index) => ({
  ...field,
  offset: index * 8,
  how: 'values',
  candidates: 1,
}));

interface PassOptions {
  /** Fields that were not found, though values were known. */
  readonly contradicted?: readonly FieldName[];
  /** Fields for which no value could be set. */
  readonly unset?: readonly FieldName[];
  readonly failures?: readonly string[];
  readonly disturbed?: boolean;
  readonly transient?: boolean;
}

function pass(options: PassOptions = {}): Pass {
  const { contradicted = [], unset = [], failures = [], disturbed = false, transient = false } = options;
  const missing = new Map<FieldName, string>([
    ...contradicted.map((name) => [name, 'at no offset does what was known stand'] as const),
    ...unset.map((name) => [name, 'no known value could be set'] as const),
  ]);
  return {
    found: everything.filter(({ field }) => !missing.has(field)),
    missing,
    contradicted: new Set(contradicted),
    failures,
    disturbed,
    transient,
    sockets: 13,
  };
}

function moved(name: FieldName, offset: number): Pass {
  const all = pass();
  return { ...all, found: all.found.map((field) => (field.field === name ? { ...field, offset } : field)) };
}

const counters: readonly FieldName[] = ['bytes_acked', 'bytes_received', 'segs_in', 'segs_out'];

describe('another pass of a discovery', () => {
  it('is made if what was set stands nowhere', () => {
    assert.ok(needsAnotherPass([pass({ contradicted: counters })]));
  });

  it('is made if an experiment was disturbed and something is missing', () => {
    assert.ok(needsAnotherPass([pass({ unset: ['comm'], disturbed: true })]));
    assert.ok(needsAnotherPass([pass({ unset: ['comm'], disturbed: true, transient: true })]));
    assert.ok(!needsAnotherPass([pass({ disturbed: true })]), 'nothing is missing');
  });

  it('is not made if this kernel or this process cannot do more', () => {
    assert.ok(!needsAnotherPass([pass()]));
    const refused = ['sequence numbers: setsockopt: EPERM'];
    assert.ok(!needsAnotherPass([pass({ unset: ['write_seq', 'bytes_sent'], failures: refused })]));
  });

  it('is not made if the passes so far found everything together', () => {
    assert.ok(!needsAnotherPass([pass({ contradicted: counters }), pass({ contradicted: ['srtt_us'] })]));
  });
});

describe('the result of several passes', () => {
  it('has what only one of them found', () => {
    const { found, missing, disturbed } = combine([pass({ contradicted: counters }), pass()]);
    assert.deepEqual([found, missing, disturbed], [everything, [], false]);
  });

  it('lacks a field that they found at different offsets', () => {
    const { found, missing, disturbed } = combine([pass(), moved('segs_in', 4000), pass()]);
    assert.ok(!found.some(({ field }) => field === 'segs_in'));
    const usual = everything.find(({ field }) => field === 'segs_in')!.offset;
    const why = `found at different offsets: ${usual}, 4000, ${usual}`;
    assert.deepEqual([missing, disturbed], [[{ field: 'segs_in', why }], true]);
  });

  it('lacks what all of them miss, with the last reason', () => {
    const failures = ['IPv4: a connection over loopback was not established'];
    const { missing, disturbed } = combine([
      pass({ contradicted: ['srtt_us'] }),
      pass({ unset: ['srtt_us'], failures, disturbed: true }),
    ]);
    const why = `no known value could be set (${failures[0]})`;
    assert.deepEqual([missing, disturbed], [[{ field: 'srtt_us', why }], true]);
  });

  it('is disturbed by too many open files, but not by what cannot be set here', () => {
    assert.equal(combine([pass({ unset: ['bytes_sent'] })]).disturbed, false);
    assert.equal(combine([pass({ unset: ['bytes_sent'], transient: true })]).disturbed, true);
    assert.equal(combine([pass({ transient: true })]).disturbed, false, 'nothing is missing');
  });
});
