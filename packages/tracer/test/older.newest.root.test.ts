/** The limits of older kernels, imposed one by one: the same programs load, and report the same. */
import { describe, it } from 'node:test';
import { features } from '@weir/ebpf';
import { assertTracesPairs } from './support/traced-pairs.js';

const COUNT = 200;

const tables = [
  ['no pointers in global functions (before 5.12)', features.without('btf_func_pointers')],
  ['no global functions (before 5.6)', features.without('btf_func_global', 'btf_func_pointers')],
  ['no ring buffer (before 5.8)', features.without('ringbuf')],
  ['no constants known to the verifier (before 5.5)', features.without('known_constants')],
  ['no global data (before 5.2)', features.without('global_data', 'map_freeze', 'rdonly_prog')],
  ['no bpf_rdonly_cast (before 6.2)', features.without('rdonly_cast')],
  ['no bpf_probe_read_kernel (before 5.5)', features.without('probe_read_kernel')],
  ['no iterators (before 5.8)', features.without('iterators')],
  ['no trampolines (before 5.5)', features.without('fentry', 'fexit')],
  ['no perf event for kprobes (before 4.17)', features.without('kprobe_pmu', 'fentry', 'fexit')],
  ['no kprobes', features.without('kprobes', 'kprobe_pmu', 'kprobe_events', 'fentry', 'fexit')],
  ['no BTF for the object (before 4.18)', features.without('btf')],
  ['no names (before 4.15)', features.without('prog_name', 'map_name')],
  ['Linux 5.10', features.asOf('5.10')],
  ['Linux 5.4', features.asOf('5.4')],
  ['Linux 4.19', features.asOf('4.19')],
  ['Linux 4.18', features.asOf('4.18')],
] as const;

describe('tracing with the limits of older kernels', () => {
  for (const [name, table] of tables) {
    it(name, async () => {
      await assertTracesPairs({ features: table }, COUNT);
    });
  }
});
