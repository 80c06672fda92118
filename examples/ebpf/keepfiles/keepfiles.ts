/** Keeps everybody from removing the files of a folder, and prints who tried. */
import { statSync } from 'node:fs';
import { deviceNumbers } from '../devices.js';
import { needed, runWith, table } from '../run.js';
import { load } from './generated/keepfiles.js';

interface Options {
  readonly folder?: string;
}

export async function* keepfiles({ folder }: Options = {}): AsyncGenerator<string> {
  const { dev, ino } = statSync(needed('folder', folder), { bigint: true });
  const [major, minor] = deviceNumbers(Number(dev));
  using tool = load({ globals: { folder: ino, device: major * 2 ** 20 + minor } });
  tool.attach();
  const row = table(-15, 7);
  yield row('process', 'pid', 'kept file');
  for await (const { comm, pid, name } of tool.maps.events.reader()) yield row(comm, pid, name);
}

await runWith(import.meta.url, keepfiles, { folder: String });
