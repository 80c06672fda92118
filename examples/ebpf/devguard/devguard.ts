/** Refuses a device to the processes of a cgroup, and prints who asked for it. */
import { statSync } from 'node:fs';
import { deviceNumbers } from '../devices.js';
import { needed, runWith, table } from '../run.js';
import { load } from './generated/devguard.js';

interface Options {
  /** The folder of a cgroup v2. */
  readonly cgroup?: string;
  /** The path of the device. Processes cannot open it, nor make another file for it. */
  readonly device?: string;
}

/** BPF_DEVCG_ACC_*. */
const accesses = [
  [1, 'mknod'],
  [2, 'read'],
  [4, 'write'],
] as const;

export async function* devguard({ cgroup, device }: Options = {}): AsyncGenerator<string> {
  const status = statSync(needed('device', device));
  const [major, minor] = deviceNumbers(status.rdev);
  using tool = load({ globals: { major, minor, isBlock: status.isBlockDevice() } });
  tool.attach({ onDevice: { cgroup: needed('cgroup', cgroup) } });
  const row = table(-15, 7);
  yield row('process', 'pid', 'access');
  for await (const { process, access } of tool.maps.events.reader()) {
    const asked = accesses.filter(([bit]) => (access & bit) !== 0).map(([, name]) => name);
    yield row(process.comm, process.pid, asked.join(' '));
  }
}

await runWith(import.meta.url, devguard, { cgroup: String, device: String });
