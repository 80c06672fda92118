import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contradictions } from '../src/kernels/kernel-config.js';
import { parseOffsets } from '../src/kernels/kernel-offsets.js';

test('contradictions are options that were dropped, changed or set against the wish', () => {
  const wanted =
    '# Why.\nCONFIG_A=y\nCONFIG_B=y\nCONFIG_C="-x"\n# CONFIG_D is not set\n# CONFIG_E is not set\n';
  const complete = 'CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="-x"\nCONFIG_D=y\nCONFIG_F=y\n';
  assert.deepEqual(contradictions(wanted, complete), ['CONFIG_B=n (wanted y)', 'CONFIG_D=y (wanted n)']);
});

test('offsets are read from what the compiler printed', () => {
  const assembly = `#APP
# 29 "net/core/weir_offsets.c" 1
\t
.ascii "->weir sock_common.skc_daddr $0"
# 0 "" 2
# 30 "net/core/weir_offsets.c" 1
\t
.ascii "->weir net.ns.inum $144"
`;
  assert.deepEqual(parseOffsets(assembly), { 'sock_common.skc_daddr': 0, 'net.ns.inum': 144 });
  assert.throws(() => parseOffsets('nop\n'), /no offsets/);
  assert.throws(() => parseOffsets('.ascii "->weir a.b $x(%rip)"'), /not a number/);
});
