/** Which tests a kernel can run, by the feature table. */
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { TestContext } from 'node:test';
import { Kind } from '../../src/btf/types.js';
import type { FeatureName } from '../../src/features/definitions.js';
import { kernelTypeId, opened, tryProgram } from '../../src/features/probe.js';
import { kernelSymbols } from '../../src/features/symbols.js';
import { features } from '../../src/features/table.js';
import { kernelAtLeast } from '../../src/sys/kernel-version.js';
import { AttachType } from '../../src/uapi/attach-types.js';
import { ProgramType } from '../../src/uapi/program-types.js';
import { requireFeature } from './require.js';

/** Features that a kernel of any version may be built without, or deny, and how that shows apart from their probes. */
const withheld: ReadonlyMap<FeatureName, { readonly reason: string; isWithheld(): boolean }> = new Map([
  ['kernel_btf', { reason: 'built without CONFIG_DEBUG_INFO_BTF', isWithheld: () => true }],
  [
    'lsm',
    {
      reason: 'its security modules do not include bpf, or it is of arm64 before 6.4',
      isWithheld: () =>
        !securityModules().includes('bpf') || (process.arch === 'arm64' && !kernelAtLeast('6.4')),
    },
  ],
  ['kprobes', { reason: 'built without CONFIG_KPROBES', isWithheld: () => lacks('register_kprobe') }],
  ['kprobe_multi', { reason: 'built without CONFIG_FPROBE', isWithheld: () => lacks('register_fprobe_ips') }],
  ['fentry', withoutTrampolines(AttachType.traceFentry)],
  ['fexit', withoutTrampolines(AttachType.traceFexit)],
]);

function withoutTrampolines(attachType: number) {
  // arm64 has had programs at functions since 6.0, but attaches them only since 6.4.
  if (process.arch === 'arm64' && !kernelAtLeast('6.4'))
    return { reason: 'arm64 attaches trampolines since 6.4', isWithheld: () => true };
  return { reason: 'its policy denies trampolines', isWithheld: () => denies(attachType) };
}

function securityModules(): string[] {
  const path = '/sys/kernel/security/lsm';
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split(',') : [];
}

function lacks(symbol: string): boolean {
  return !kernelSymbols().hasFunction(symbol);
}

function denies(attachType: number): boolean {
  const attachBtfId = kernelTypeId('bpf_fentry_test1', Kind.func);
  if (attachBtfId === undefined) return false;
  const result = tryProgram({ type: ProgramType.tracing, attachType, attachBtfId });
  opened(result, []);
  return result === -constants.errno.EPERM;
}

/** Whether the kernel has all of these features. If not, the test is skipped, or fails where the kernel should. */
export function hasFeatures(t: TestContext, ...names: readonly FeatureName[]): boolean {
  return names.every((name) => {
    if (features.has(name)) return true;
    const { description, since } = features.describe(name);
    const excuse = withheld.get(name);
    if (excuse?.isWithheld() !== true) return requireFeature(t, { feature: description, since }, false);
    t.skip(`needs ${description} (Linux ${since}); this kernel lacks it: ${excuse.reason}`);
    return false;
  });
}

/** The version since which programs run at breakpoints; undefined: every version. */
export const breakpointsSince = process.arch === 'arm64' ? '6.5' : undefined;

/** Why tests of breakpoints do not run here: the product refuses, which a test of its own expects. */
export const withoutBreakpoints: string | false =
  breakpointsSince !== undefined &&
  !kernelAtLeast(breakpointsSince) &&
  `${process.arch} runs programs at breakpoints since ${breakpointsSince}`;
