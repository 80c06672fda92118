/**
 * A reporter for Node's test runner, given to each test file's process: `node --test-reporter=…/reporter.js FILE`.
 * Every finished test becomes a record; suites, and tests that failed only because of a test inside, do not count.
 */

import { inspect } from 'node:util';
import { encodeRecord } from './records.js';

/** The part used here of the runner's events (https://nodejs.org/docs/latest-v20.x/api/test.html#class-testsstream). */
interface TestEvent {
  readonly type: string;
  readonly data: {
    readonly name: string;
    readonly nesting: number;
    readonly message?: string;
    readonly skip?: string | boolean;
    readonly todo?: string | boolean;
    readonly details?: {
      readonly duration_ms: number;
      readonly type?: string;
      readonly error?: Error & { readonly failureType?: string };
    };
  };
}

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const path: string[] = [];
  for await (const { type, data } of events) {
    if (type === 'test:start') path[data.nesting] = data.name;
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const failure = type === 'test:fail' && !data.todo ? data.details?.error : undefined;
    if (failure?.failureType === 'subtestsFailed') continue;
    if (data.details?.type === 'suite' && !failure) continue;
    const name = [...path.slice(0, data.nesting), data.name].join(' › ');
    const duration = data.details?.duration_ms ?? 0;
    const reason = data.skip || data.todo;
    if (type === 'test:fail' && !data.todo) {
      yield encodeRecord({ type: 'test', name, outcome: 'failed', duration, detail: describe(failure) });
    } else if (reason) {
      const detail = typeof reason === 'string' ? reason : '';
      yield encodeRecord({ type: 'test', name, outcome: 'skipped', duration, detail });
    } else {
      yield encodeRecord({ type: 'test', name, outcome: 'passed', duration });
    }
  }
}

/** The runner wraps what was thrown in an error of its own. */
function describe(failure: Error | undefined): string {
  return inspect(failure?.cause ?? failure, { depth: 6, maxArrayLength: 200, maxStringLength: 20_000 });
}
