import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OptionError } from '@weir/ebpf/errors';
import { parseTime, parseTimeRange } from '../src/query/time/range.js';

/** 2026-11-26T13:05:06.5Z, a Thursday; 14:05:06.5 in Berlin. */
const now = BigInt(Date.parse('2026-11-26T13:05:06.500Z')) * 1_000_000n;
const berlin = { now, zone: 'Europe/Berlin' };

function text(ns: bigint): string {
  const iso = new Date(Number(ns / 1_000_000n)).toISOString().replace('.000Z', 'Z');
  return ns % 1_000_000n === 0n ? iso : `${iso} + ${ns % 1_000_000n}`;
}

describe('a time as people write it', () => {
  const times: readonly (readonly [string, string])[] = [
    ['now', '2026-11-26T13:05:06.500Z'],
    ['-1h', '2026-11-26T12:05:06.500Z'],
    ['-1h30m', '2026-11-26T11:35:06.500Z'],
    ['-1.5h', '2026-11-26T11:35:06.500Z'],
    ['90s ago', '2026-11-26T13:03:36.500Z'],
    ['-2d', '2026-11-24T13:05:06.500Z'],
    ['-1w', '2026-11-19T13:05:06.500Z'],
    ['-500ms', '2026-11-26T13:05:06Z'],
    ['10:32', '2026-11-26T09:32:00Z'],
    ['9:32', '2026-11-26T08:32:00Z'],
    ['14:05:06', '2026-11-26T13:05:06Z'],
    ['14:05:07', '2026-11-25T13:05:07Z'],
    ['23:59', '2026-11-25T22:59:00Z'],
    ['14:05:06.123456789', '2026-11-26T13:05:06.123Z + 456789'],
    ['yesterday 14:00', '2026-11-25T13:00:00Z'],
    ['Yesterday', '2026-11-24T23:00:00Z'],
    ['today 00:00', '2026-11-25T23:00:00Z'],
    ['monday 9:00', '2026-11-23T08:00:00Z'],
    ['thu 20:00', '2026-11-26T19:00:00Z'],
    ['friday', '2026-11-19T23:00:00Z'],
    ['2026-11-20', '2026-11-19T23:00:00Z'],
    ['2026-11-20 10:32', '2026-11-20T09:32:00Z'],
    ['2026-11-20T10:32', '2026-11-20T09:32:00Z'],
    ['2026-11-20T10:32:00Z', '2026-11-20T10:32:00Z'],
    ['2026-11-20t10:32:00z', '2026-11-20T10:32:00Z'],
    ['2026-11-20T10:32:00.000000001+05:30', '2026-11-20T05:02:00Z + 1'],
    ['2026-11-20 10:32:00-08:00', '2026-11-20T18:32:00Z'],
    ['@1764150000', '2025-11-26T09:40:00Z'],
    ['@1764150000.25', '2025-11-26T09:40:00.250Z'],
    // Summer time began on 2026-03-29 at 2:00, and ended on 2026-10-25 at 3:00.
    ['2026-03-29 02:30', '2026-03-29T01:30:00Z'],
    ['2026-10-25 02:30', '2026-10-25T00:30:00Z'],
    ['2026-07-01 12:00', '2026-07-01T10:00:00Z'],
  ];
  for (const [written, expected] of times) {
    test(`${written} is ${expected}`, () => {
      assert.equal(text(parseTime(written, berlin)), expected);
    });
  }

  for (const written of [
    '',
    '1h',
    '25:00',
    '10:60',
    '2026-02-30',
    'tomorrow',
    '-1y',
    '-',
    '10:32 10:33',
    'today x',
    '1764150000',
    '-1h ago',
    '2026-11-20T10:32:00+0530',
    '-99999999999h',
  ]) {
    test(`${JSON.stringify(written)} is refused with examples of times`, () => {
      assert.throws(
        () => parseTime(written, berlin),
        (error) => error instanceof OptionError && /is no time: write one such as -1h/.test(error.message),
      );
    });
  }

  test('refuses a zone that there is none of', () => {
    assert.throws(
      () => parseTime('10:32', { now, zone: 'Europe/Atlantis' }),
      /"Europe\/Atlantis" is no time zone/,
    );
  });
});

describe('a range of time as people write it', () => {
  const ranges: readonly (readonly [string, string, string])[] = [
    ['-1h', '2026-11-26T12:05:06.500Z', '2026-11-26T13:05:06.500Z'],
    ['-2h..-1h', '2026-11-26T11:05:06.500Z', '2026-11-26T12:05:06.500Z'],
    ['-2h..', '2026-11-26T11:05:06.500Z', '2026-11-26T13:05:06.500Z'],
    ['-2h..now', '2026-11-26T11:05:06.500Z', '2026-11-26T13:05:06.500Z'],
    ['10:32', '2026-11-26T09:32:00Z', '2026-11-26T09:33:00Z'],
    ['10:32:05', '2026-11-26T09:32:05Z', '2026-11-26T09:32:06Z'],
    ['yesterday', '2026-11-24T23:00:00Z', '2026-11-25T23:00:00Z'],
    ['2026-03-29', '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z'],
    ['2026-11-20..2026-11-21', '2026-11-19T23:00:00Z', '2026-11-21T23:00:00Z'],
    ['10:00..11:00', '2026-11-26T09:00:00Z', '2026-11-26T10:00:00Z'],
    ['23:00..01:00', '2026-11-25T22:00:00Z', '2026-11-26T00:00:00Z'],
    ['yesterday 14:00..15:00', '2026-11-25T13:00:00Z', '2026-11-25T14:00:00Z'],
    ['yesterday 14:00..+5m', '2026-11-25T13:00:00Z', '2026-11-25T13:05:00Z'],
    ['2026-11-20T10:32:00Z .. 2026-11-20T10:33:00Z', '2026-11-20T10:32:00Z', '2026-11-20T10:33:00Z'],
  ];
  for (const [written, from, to] of ranges) {
    test(`${written} is ${from} to ${to}`, () => {
      const range = parseTimeRange(written, berlin);
      assert.deepEqual([text(range.from), text(range.to)], [from, to]);
    });
  }

  for (const [written, message] of [
    ['-1h..-2h', /ends before it begins/],
    ['now', /ends before it begins/],
    ['1..2..3', /a range has two ends/],
    ['-1h..+x', /expected a time such as \+5m/],
    ['..-1h', /is no time/],
  ] as const) {
    test(`${written} is refused`, () => {
      assert.throws(
        () => parseTimeRange(written, berlin),
        (error) => error instanceof OptionError && message.test(error.message),
      );
    });
  }
});

describe('a clock time around a change of the clock', () => {
  const ns = (iso: string) => BigInt(Date.parse(iso)) * 1_000_000n;
  const cases: readonly (readonly [zone: string, now: string, written: string, from: string, to: string])[] =
    [
      // The clock shows two to three twice: what it showed last is meant.
      ['Europe/Berlin', '2026-10-25T01:15:00Z', '02:10', '2026-10-25T01:10:00Z', '2026-10-25T01:11:00Z'],
      ['Europe/Berlin', '2026-10-25T01:15:00Z', '02:30', '2026-10-25T00:30:00Z', '2026-10-25T00:31:00Z'],
      [
        'Europe/Berlin',
        '2026-10-25T01:15:00Z',
        '02:30..02:10',
        '2026-10-25T00:30:00Z',
        '2026-10-25T01:10:00Z',
      ],
      [
        'Europe/Berlin',
        '2026-10-25T12:00:00Z',
        '02:30..02:45',
        '2026-10-25T01:30:00Z',
        '2026-10-25T01:45:00Z',
      ],
      ['America/New_York', '2026-11-01T06:20:00Z', '01:10', '2026-11-01T06:10:00Z', '2026-11-01T06:11:00Z'],
      // It never shows two to three.
      [
        'Europe/Berlin',
        '2026-03-29T12:00:00Z',
        '02:30..03:45',
        '2026-03-29T01:30:00Z',
        '2026-03-29T01:45:00Z',
      ],
      [
        'America/New_York',
        '2026-03-08T12:00:00Z',
        '01:30..03:30',
        '2026-03-08T06:30:00Z',
        '2026-03-08T07:30:00Z',
      ],
      // A day that there never was.
      ['Pacific/Apia', '2011-12-30T10:10:00Z', '00:30', '2011-12-29T10:30:00Z', '2011-12-29T10:31:00Z'],
    ];
  for (const [zone, moment, written, from, to] of cases)
    test(`${written} in ${zone} at ${moment} is ${from} to ${to}`, () => {
      const range = parseTimeRange(written, { now: ns(moment), zone });
      assert.deepEqual([text(range.from), text(range.to)], [from, to]);
    });

  test('is refused as the end of a range over which the clock was set forward', () => {
    for (const written of ['2026-03-29 02:00..03:00', '2026-03-29 02:30..03:10'])
      assert.throws(
        () => parseTimeRange(written, berlin),
        /OptionError: .*the clock was set forward over that time/,
      );
  });
});
