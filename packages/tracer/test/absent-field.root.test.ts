/** Types that lack a field, as a discovery leaves them that may not do all: what needs the field is off, and nothing else. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { features } from '@weir/ebpf';
import { discover } from '../src/discovery/index.js';
import { toBtf } from '../src/discovery/types.js';
import { readKernelFeatures } from '../src/hooks/kernel-features.js';
import { planHooks } from '../src/hooks/plan.js';
import { TracerPrograms } from '../src/hooks/programs.js';
import { UdpPrograms } from '../src/sockets/udp-programs.js';
import { essentialFields } from '../src/types/target.js';
import { findMismatch } from '../src/types/verify.js';

const typeless = features.without('kernel_btf');
const { fields, missing } = discover();
const optional = fields.filter(({ field }) => !essentialFields.includes(field));
/** Without them, connections over IPv6 are not reported: types that lack them hold where there is no IPv6. */
const addresses = ['skc_v6_daddr', 'skc_v6_rcv_saddr'];

/**
 * Each load takes most of a second in a guest. One field at a time is tried with the newest verifier and on a
 * kernel without types of its own, not on those between.
 */
const between = ['5.10', '6.1', '6.12', '6.18'];
const isOneByOne = !between.includes(process.env.WEIR_LAB_KERNEL ?? '');

/** Loads what the tracer would load with the types. */
function load(btf: ReturnType<typeof toBtf>): void {
  const { plan } = planHooks(readKernelFeatures(btf, typeless));
  const options = { features: typeless, ringBytes: 1 << 17, maxConnections: 64 };
  new TracerPrograms(plan, btf, options)[Symbol.dispose]();
  // Hooks of functions need types of packets, which no discovery finds.
  new UdpPrograms({ mechanism: 'cgroup', btf, features: typeless, maxFlows: 64 })[Symbol.dispose]();
}

describe('programs', () => {
  it('have fields that they can do without', () => {
    assert.deepEqual(missing, []);
    assert.ok(optional.length > 20);
  });

  if (isOneByOne)
    for (const { field } of optional)
      it(`do without ${field}`, () => {
        load(toBtf(fields.filter((one) => one.field !== field)));
      });
  else
    it('do without halves of them, of any two at least once one alone', () => {
      for (let bit = 1; bit < optional.length; bit *= 2) {
        const lacking = new Set(optional.filter((_, index) => (index & bit) !== 0));
        load(toBtf(fields.filter((one) => !lacking.has(one))));
      }
    });

  it('do without all of them, and what they report is right', () => {
    const kept = [...essentialFields, ...addresses];
    const btf = toBtf(fields.filter(({ field }) => kept.includes(field)));
    load(btf);
    assert.equal(findMismatch(btf, typeless), undefined);
  });
});
