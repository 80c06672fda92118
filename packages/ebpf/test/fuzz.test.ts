import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Btf } from '../src/btf/parse.js';
import { FormatError } from '../src/errors.js';
import { parseObject } from '../src/object/parse-object.js';
import { fuzz, type Sample, sample } from './support/fuzz.js';
import { fuzzSources } from './support/fuzz-sources.js';

const seed = 20_260_101;
const cases = 4_000;

describe('damaged files', () => {
  let samples: Sample[];
  before(() => {
    samples = fuzzSources.map(sample);
  });

  it(`end in a FormatError or are read: ${cases} cases`, () => {
    const { refused, slowest, slowestCase } = fuzz(samples, seed, cases);
    assert.ok(refused > cases / 10, `only ${refused} were refused: the damage does not reach the parsers`);
    assert.ok(
      refused < (cases * 9) / 10,
      `${refused} were refused: the damage does not reach the deeper layers`,
    );
    assert.ok(slowest <= 200, `${slowestCase} took ${slowest} ms`);
  });

  it('are refused at whatever length they are cut', () => {
    const { bytes, btfBytes } = samples[0]!;
    // The section headers are what an object ends with, a string what BTF ends with.
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => parseObject(bytes.subarray(0, length)), FormatError);
    }
    for (let length = 0; length < btfBytes.length; length++) {
      assert.throws(() => Btf.parse(btfBytes.subarray(0, length)), FormatError);
    }
  });

  it('are harmless whichever byte of a header is changed, and however', () => {
    const { bytes } = samples[1]!;
    const headers = Number(new DataView(bytes.buffer).getBigUint64(40, true));
    const places = [
      ...Array(64).keys(),
      ...Array.from({ length: bytes.length - headers }, (_, i) => headers + i),
    ];
    for (const place of places) {
      for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
        const copy = bytes.slice();
        copy[place] = value;
        try {
          parseObject(copy);
        } catch (error) {
          assert.ok(error instanceof FormatError, `byte ${place} set to ${value}: ${String(error)}`);
        }
      }
    }
  });
});
