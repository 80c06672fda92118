/** Limits the socket buffers that the processes of a cgroup set, and prints who wanted more. */
import { needed, runWith, table } from '../run.js';
import { load } from './generated/bufferlimit.js';

interface Options {
  /** The folder of a cgroup v2. */
  readonly cgroup?: string;
  /** Bytes. */
  readonly limit?: number;
}

export async function* bufferlimit({ cgroup, limit = 65_536 }: Options = {}): AsyncGenerator<string> {
  using tool = load({ globals: { limit } });
  const options = { cgroup: needed('cgroup', cgroup) };
  tool.attach({ onSet: options, onGet: options });
  const row = table(-15, 7, -8, 10);
  yield row('process', 'pid', 'buffer', 'asked for');
  for await (const { process, receive, asked } of tool.maps.events.reader())
    yield row(process.comm, process.pid, receive ? 'receive' : 'send', asked);
}

await runWith(import.meta.url, bufferlimit, { cgroup: String, limit: Number });
