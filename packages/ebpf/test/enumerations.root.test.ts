/** The tables of the kernel's enumerations, against the running kernel's own types. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kernelBtf } from '../src/btf/kernel.js';
import { Kind } from '../src/btf/types.js';
import { kernelAtLeast } from '../src/sys/kernel-version.js';
import { attachTypeName, attachTypes } from '../src/uapi/attach-types.js';
import { commandName, commands } from '../src/uapi/commands.js';
import { helperFunctions, helperName } from '../src/uapi/helper-functions.js';
import { mapTypeName, mapTypes } from '../src/uapi/map-types.js';
import type { EnumeratorTable } from '../src/uapi/numbering.js';
import { programTypeName, programTypes } from '../src/uapi/program-types.js';
import { assertRoot } from './support/root.js';

assertRoot();

/** The running kernel's numbers by name; undefined where it has no BTF. */
function kernelEnum(name: string): ReadonlyMap<string, number> | undefined {
  const btf = kernelBtf();
  if (btf === undefined) return undefined;
  const type = btf.type(btf.find(name, Kind.enum) ?? 0);
  assert.ok(type.kind === Kind.enum, `the kernel has an enum ${name}`);
  return new Map(type.values.map((enumerator) => [enumerator.name, enumerator.value]));
}

const tables: readonly [name: string, table: EnumeratorTable, nameOf: (id: number) => string][] = [
  ['bpf_cmd', commands, commandName],
  ['bpf_map_type', mapTypes, mapTypeName],
  ['bpf_prog_type', programTypes, programTypeName],
  ['bpf_attach_type', attachTypes, attachTypeName],
  ['bpf_func_id', helperFunctions, (id) => helperName(id).replace('bpf_', 'BPF_FUNC_')],
];

describe('the running kernel has what its version brought, under the same numbers', () => {
  for (const [name, table, nameOf] of tables) {
    it(name, () => {
      const numbers = kernelEnum(name);
      if (numbers === undefined) return;
      for (const { id, since } of Object.values(table)) {
        const expected = kernelAtLeast(since) ? id : undefined;
        assert.equal(numbers.get(nameOf(id)), expected, `${nameOf(id)}, since ${since}`);
      }
    });
  }
});
