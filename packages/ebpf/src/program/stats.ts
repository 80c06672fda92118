/** Run-time statistics of programs: {@link ProgramInfo.runTimeNs} and `runCount` move only while these are on. */
import { readFileSync, writeFileSync } from 'node:fs';
import { type FeatureTable, features as kernelFeatures } from '../features/table.js';
import { attr } from '../sys/attr.js';
import { bpf } from '../sys/bpf.js';
import { Fd } from '../sys/fd.js';
import { Command } from '../uapi/commands.js';

const BPF_STATS_RUN_TIME = 0;
const sysctl = '/proc/sys/kernel/bpf_stats_enabled';

/**
 * Turns statistics on for all programs of this machine until disposed of: by a descriptor, which the kernel
 * closes with the process (BPF_ENABLE_STATS, 5.8), else by the sysctl kernel.bpf_stats_enabled (5.1), which
 * is put back. Needs CAP_SYS_ADMIN.
 *
 * @throws SyscallError; the file system's error if the sysctl cannot be written.
 */
export function enableStats(features: FeatureTable = kernelFeatures): Disposable {
  if (features.has('enable_stats'))
    return new Fd(bpf(Command.enableStats, attr('enableStats', { type: BPF_STATS_RUN_TIME })));
  const before = readFileSync(sysctl, 'latin1');
  writeFileSync(sysctl, '1');
  let on = true;
  return {
    [Symbol.dispose]() {
      if (on) writeFileSync(sysctl, before);
      on = false;
    },
  };
}
