/** Constants as instructions: what is replaced, and what must not be. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UnsupportedError } from '../src/index.js';
import { assemble, type Instruction, insn } from '../src/insn/assembler.js';
import { inlineConstants } from '../src/load/inline-constants.js';
import type { MapSpec, ProgramSpec } from '../src/object/spec.js';

const contents = Uint8Array.of(7, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x34, 0x12, 1, 0, 0, 0, 0, 0x80);
const maps = new Map<string, MapSpec>([
  [
    '.rodata',
    {
      name: '.rodata',
      type: 2,
      keySize: 4,
      valueSize: 16,
      maxEntries: 1,
      flags: 0,
      contents,
      readOnly: true,
    },
  ],
  ['.data', { name: '.data', type: 2, keySize: 4, valueSize: 16, maxEntries: 1, flags: 0, contents }],
]);

const nothing = insn.jump(0);

/** @param references Instruction indexes of the addresses, with map and offset. */
function inline(
  instructions: readonly Instruction[],
  references: readonly (readonly [index: number, map: string, offset: number])[],
): ProgramSpec {
  return inlineConstants(
    {
      name: 'p',
      instructions: assemble(...instructions),
      mapReferences: references.map(([index, map, offset]) => ({ index, map, kind: 'value', offset })),
    } as unknown as ProgramSpec,
    maps,
  );
}

function assertCode(program: ProgramSpec, expected: readonly Instruction[]): void {
  assert.deepEqual([...program.instructions], expected.flat());
}

describe('inlineConstants', () => {
  it('replaces loads of every size, without extending a sign', () => {
    const program = inline(
      [
        insn.loadMapValue(1, 0, 0),
        insn.load(4, 2, 1, 0),
        insn.load(4, 3, 1, 4),
        insn.load(2, 4, 1, 8),
        insn.load(1, 5, 1, 15),
        insn.load(1, 1, 1, 10),
        insn.exit(),
      ],
      [[0, '.rodata', 0]],
    );
    assertCode(program, [
      insn.movImmediate(1, 0),
      nothing,
      insn.mov32Immediate(2, 7),
      insn.mov32Immediate(3, -1),
      insn.mov32Immediate(4, 0x1234),
      insn.mov32Immediate(5, 0x80),
      insn.mov32Immediate(1, 1),
      insn.exit(),
    ]);
    assert.deepEqual(program.mapReferences, []);
  });

  it('follows copies of an address, and sums', () => {
    const program = inline(
      [
        insn.loadMapValue(6, 0, 0),
        insn.mov(7, 6),
        insn.addImmediate(7, 8),
        insn.load(2, 0, 7, 0),
        insn.exit(),
      ],
      [[0, '.rodata', 0]],
    );
    assertCode(program, [
      insn.movImmediate(6, 0),
      nothing,
      insn.mov(7, 6),
      insn.addImmediate(7, 8),
      insn.mov32Immediate(0, 0x1234),
      insn.exit(),
    ]);
  });

  it('keeps a load that paths reach with different addresses', () => {
    // r1 is the address of one constant or of another when it is loaded from.
    const code = [
      insn.loadMapValue(1, 0, 0),
      insn.jumpIfZero(2, 2),
      insn.loadMapValue(1, 0, 4),
      insn.load(4, 0, 1, 0),
      insn.exit(),
    ];
    const program = inline(code, [
      [0, '.rodata', 0],
      [3, '.rodata', 4],
    ]);
    assert.deepEqual([...program.instructions].slice(5 * 8, 6 * 8), insn.load(4, 0, 1, 0));
  });

  it('keeps a load from a register that a call has overwritten', () => {
    const code = [insn.loadMapValue(1, 0, 0), insn.call(5), insn.load(4, 0, 1, 0), insn.exit()];
    const program = inline(code, [[0, '.rodata', 0]]);
    assert.deepEqual([...program.instructions].slice(3 * 8, 4 * 8), insn.load(4, 0, 1, 0));
  });

  it('keeps loads of data that programs can write', () => {
    const code = [insn.loadMapValue(1, 0, 0), insn.load(4, 0, 1, 0), insn.exit()];
    const program = inline(code, [[0, '.data', 0]]);
    assertCode(program, code);
    assert.equal(program.mapReferences.length, 1);
  });

  it('throws where a constant does not fit the instruction', () => {
    assert.throws(
      () => inline([insn.loadMapValue(1, 0, 0), insn.load64(0, 1, 8), insn.exit()], [[0, '.rodata', 0]]),
      (error) => error instanceof UnsupportedError && error.since === '5.2',
    );
    assert.throws(
      () => inline([insn.loadMapValue(1, 0, 14), insn.load(4, 0, 1, 0), insn.exit()], [[0, '.rodata', 14]]),
      UnsupportedError,
    );
  });
});
