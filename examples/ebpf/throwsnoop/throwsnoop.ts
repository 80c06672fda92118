/** Prints each C++ exception that a program throws, caught or not. */
import { run, table } from '../run.js';
import { load } from './generated/throwsnoop.js';

/** @param options `pid`: only this process. Default: all that run the C++ library. */
export async function* throwsnoop({ pid: onlyPid = 0 } = {}): AsyncGenerator<string> {
  using tool = load();
  tool.attach({ onThrow: onlyPid === 0 ? {} : { pid: onlyPid } });
  const row = table(-15, 7);
  yield row('process', 'pid', 'type');
  for await (const { comm, pid, type } of tool.maps.events.reader()) yield row(comm, pid, readable(type));
}

/** `std::length_error` for `St12length_error`; whatever is more complicated than names stays as it is. */
function readable(mangled: string): string {
  const nested = /^N(.*)E$/.exec(mangled)?.[1] ?? mangled;
  const names = nested.startsWith('St') ? ['std'] : [];
  let rest = nested.replace(/^St/, '');
  for (let match = /^(\d+)/.exec(rest); match !== null; match = /^(\d+)/.exec(rest)) {
    const begin = match[1]!.length;
    const end = begin + Number(match[1]);
    names.push(rest.slice(begin, end));
    rest = rest.slice(end);
  }
  return rest === '' && names.length > 0 ? names.join('::') : mangled;
}

await run(import.meta.url, throwsnoop, 'pid');
