/** Kinds of failures, and the filters that choose them. Pure. */
import type { GroupsAnswer } from '../../api/api-types.js';
import { joinFilters } from '../../filter/filter-term.js';

/** A kind. */
export interface FailureKind {
  readonly name: string;
  readonly title: string;
  readonly filter: string;
  /** The fields of its groups. */
  readonly by: readonly string[];
}

const attemptFields = ['error', 'process', 'peer_name', 'port'] as const;
const errnos: Readonly<Record<string, readonly string[]>> = {
  refused: ['ECONNREFUSED'],
  'timed-out': ['ETIMEDOUT'],
  reset: ['ECONNRESET'],
  unreachable: ['EHOSTUNREACH', 'ENETUNREACH'],
};
const known = Object.values(errnos).flat();

const attempts = (name: string, title: string, filter: string): FailureKind => ({
  ...{ name, title, by: attemptFields },
  filter: joinFilters('event=fail', filter),
});
const ofErrors = (name: string, title: string) => attempts(name, title, `error=${errnos[name]!.join(',')}`);

/** All kinds. */
export const failureKinds: readonly FailureKind[] = [
  attempts('all', 'All attempts', ''),
  ofErrors('refused', 'Refused'),
  ofErrors('timed-out', 'Timed out'),
  ofErrors('unreachable', 'Unreachable'),
  ofErrors('reset', 'Reset'),
  attempts('other', 'Other errors', `not error=${known.join(',')}`),
  {
    ...{ name: 'cut', title: 'Cut while open', by: ['closed_by', ...attemptFields.slice(1)] },
    filter: 'closed_by=reset,timeout',
  },
];

/** The kind of a link; of what there is not, all. */
export function kindOf(name: string): FailureKind {
  return failureKinds.find((kind) => kind.name === name) ?? failureKinds[0]!;
}

/** How many there are of each kind. @param errors Failed attempts by error @param cut Connections that were cut */
export function countKinds(
  errors: GroupsAnswer | undefined,
  cut: GroupsAnswer | undefined,
): Readonly<Record<string, number | undefined>> {
  if (errors === undefined) return { cut: cut?.total.connections };
  const sum = (isWanted: (error: string) => boolean) =>
    errors.groups
      .filter(({ key }) => isWanted(String(key.error)))
      .reduce((total, { connections }) => total + connections, 0);
  const counts = Object.entries(errnos).map(([name, list]) => [name, sum((error) => list.includes(error))]);
  return {
    ...Object.fromEntries(counts),
    all: errors.total.connections,
    other: sum((error) => !known.includes(error)),
    cut: cut?.total.connections,
  };
}
