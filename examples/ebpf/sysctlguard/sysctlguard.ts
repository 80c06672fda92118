/** Refuses the processes of a cgroup to change settings below /proc/sys, and prints what they tried. */
import { needed, runWith, table } from '../run.js';
import { load } from './generated/sysctlguard.js';

interface Options {
  /** The folder of a cgroup v2. */
  readonly cgroup?: string;
}

export async function* sysctlguard({ cgroup }: Options = {}): AsyncGenerator<string> {
  using tool = load();
  tool.attach({ onSetting: { cgroup: needed('cgroup', cgroup) } });
  const row = table(-15, 7, -40);
  yield row('process', 'pid', 'setting', 'value');
  for await (const { process, name, value } of tool.maps.events.reader())
    yield row(process.comm, process.pid, name, value.trim());
}

await runWith(import.meta.url, sysctlguard, { cgroup: String });
