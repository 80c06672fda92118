/** The filters of `weir top`: those of `@weir/tracer/filter`, over what it shows. */

import { userId } from '@weir/ebpf/sys';
import {
  type FilterError,
  type FilterField,
  filterFields,
  isAvailable,
  type ParseOptions,
  type Predicate,
  parseFilter,
  parseTypedFilter,
  predicateOver,
} from '@weir/tracer/filter';
import { type Subject, type SubjectContext, subjectColumns } from './subject.js';

export interface TopFilter {
  /** Whether a row meets all the terms that are right. */
  readonly matches: Predicate<Subject, SubjectContext>;
  /** Whether there is anything to meet. */
  readonly isEmpty: boolean;
  /** Mistakes in the other terms; these do not count. */
  readonly problems: readonly FilterError[];
}

export const noFilter: TopFilter = { matches: () => true, isEmpty: true, problems: [] };

const columns = subjectColumns();
const options: ParseOptions = {
  rows: { columns, what: 'rows of weir top' },
  users: (name) => userId(name),
};

/** The fields that rows have. */
export const topFields: readonly FilterField[] = filterFields.filter((field) => isAvailable(field, columns));

/** @throws FilterError for a term that makes no sense. */
export function checkFilter(text: string): void {
  parseFilter(text, options);
}

/** Parses a filter, which may be unfinished. It never throws: a mistake is among the filter's problems. */
export function parseTopFilter(text: string): TopFilter {
  const { filter, problems } = parseTypedFilter(text, options);
  const isEmpty = filter.kind === 'and' && filter.of.length === 0;
  let compiled:
    | { readonly for: SubjectContext['enrichment']; readonly test: TopFilter['matches'] }
    | undefined;
  return {
    // Names of ports come with the first row.
    matches: (subject, context) => {
      const { enrichment } = context;
      if (compiled?.for !== enrichment) {
        const { services } = enrichment;
        compiled = { for: enrichment, test: predicateOver(filter, columns, { services }) };
      }
      return compiled.test(subject, context);
    },
    isEmpty,
    problems,
  };
}
