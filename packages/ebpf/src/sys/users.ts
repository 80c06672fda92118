/** Users of this host by name. */
import { readFileSync } from 'node:fs';

/** The id of a user of a passwd(5) file; undefined for a name that is not in it. @throws Error of the system */
export function userId(name: string, passwd = '/etc/passwd'): number | undefined {
  const fields = readFileSync(passwd, 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([entry]) => entry === name);
  return fields === undefined ? undefined : Number(fields[2]);
}
