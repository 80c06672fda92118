/** The verifier takes most of the time in which a tracer starts. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { features, kernelAtLeast } from '@weir/ebpf';
import { readKernelFeatures } from '../src/hooks/kernel-features.js';
import { planHooks } from '../src/hooks/plan.js';
import { TracerPrograms } from '../src/hooks/programs.js';
import { targetTypes } from '../src/types/target.js';

/** The largest program has some 4,000 instructions. Checked anew at each call, its functions come to more than 20,000. */
const MAX_VERIFIED = 10_000;

/** Skips a test where the kernel does not say how much it verified. */
function countsVerified(context: TestContext): boolean {
  if (kernelAtLeast('5.16')) return true;
  context.skip('needs verified_insns in struct bpf_prog_info, which Linux has since 5.16');
  return false;
}

describe('the programs of a tracer', () => {
  it('have functions that the verifier checks once, not at each call', (context) => {
    if (!countsVerified(context)) return;
    const { btf } = targetTypes(undefined);
    const { plan } = planHooks(readKernelFeatures(btf));
    using programs = new TracerPrograms(plan, btf, {});
    for (const [name, program] of programs.collection.programs) {
      const { verifiedInstructions } = program.info();
      assert.ok(
        verifiedInstructions > 0 && verifiedInstructions < MAX_VERIFIED,
        `${name}: ${verifiedInstructions}`,
      );
    }
  });

  it('load where global functions take no pointers', (context) => {
    const { btf } = targetTypes(undefined);
    const table = features.without('btf_func_pointers');
    const { plan } = planHooks(readKernelFeatures(btf, table));
    using programs = new TracerPrograms(plan, btf, { features: table });
    if (!countsVerified(context)) return;
    const counts = [...programs.collection.programs.values()].map(
      (program) => program.info().verifiedInstructions,
    );
    assert.ok(
      Math.max(...counts) > MAX_VERIFIED,
      'they are verified as before: the other test shows nothing',
    );
  });
});
