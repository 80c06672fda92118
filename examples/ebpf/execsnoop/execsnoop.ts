/** Prints each program that starts, with its arguments. */
import { run, table } from '../run.js';
import { load } from './generated/execsnoop.js';

/** @param options `parent`: only what children of this process start. */
export async function* execsnoop({ parent = 0 } = {}): AsyncGenerator<string> {
  using tool = load({ globals: { onlyParent: parent } });
  tool.attach();
  const row = table(7, 7, 5);
  yield row('pid', 'parent', 'user', 'command');
  for await (const { pid, ppid, uid, length, commandLine } of tool.maps.events.reader()) {
    const words = Buffer.from(commandLine).toString('utf8', 0, length).split('\0');
    yield row(pid, ppid, uid, words.join(' '));
  }
}

await run(import.meta.url, execsnoop, 'parent');
