/** Groups of this host. */
import { readFileSync } from 'node:fs';
import { RequestError } from './names.js';

/** A group's id, from a number or from a name in a group(5) file. @throws RequestError for an unknown name. */
export function groupId(name: string, file = '/etc/group'): number {
  if (/^\d+$/.test(name)) return Number(name);
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((candidate) => candidate.startsWith(`${name}:`));
  const id = line?.split(':')[2];
  if (id === undefined || !/^\d+$/.test(id))
    throw new RequestError(`control.group: there is no group ${name} in ${file}`);
  return Number(id);
}
