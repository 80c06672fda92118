/**
 * Fuzzing for as long as wanted: `npm run fuzz -w @weir/ebpf -- --cases N --seed S`. Damaged are all objects that there are: those of the
 * tests, and those that the packages hold. A case that fails is written to a
 * file and ends the run; `--first INDEX --cases 1` with the same seed repeats it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FuzzFailure, fuzz, sample, sampleOf } from './support/fuzz.js';
import { fuzzSources } from './support/fuzz-sources.js';
import { filesBelow, testPrograms } from './support/objects.js';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    first: { type: 'string', default: '0' },
  },
});
const [cases, seed, first] = [values.cases, values.seed, values.first].map(Number);
if (![cases, seed, first].every(Number.isSafeInteger)) {
  console.error('usage: fuzz [--cases N] [--seed S] [--first INDEX]');
  process.exit(2);
}

// Every parse of load/large allocates its variables.
const programs = testPrograms().filter((name) => name !== 'load/large');
const sources = new Set([...fuzzSources, ...programs.map((name) => `${name}.bpf.c`)]);
const committed = ['tracer', 'balancer'].flatMap((name) => {
  const folder = fileURLToPath(new URL(`../../../${name}/bpf/`, import.meta.url));
  return filesBelow(folder, '.bpf.o').map((file) => join(folder, file));
});
// A slice of a Buffer is no copy: damage would add up.
const committedSamples = committed.map((path) => sampleOf(path, new Uint8Array(readFileSync(path))));
const samples = [...[...sources].map(sample), ...committedSamples];
console.log(`${samples.length} objects`);
const step = 5_000;
try {
  for (let done = 0; done < cases!; done += step) {
    const count = Math.min(step, cases! - done);
    const report = fuzz(samples, seed!, count, first! + done);
    const accepted = count - report.refused;
    console.log(
      `seed ${seed}: ${done + count} cases; of the last ${count}, ${accepted} were read, slowest ${report.slowest.toFixed(0)} ms (${report.slowestCase})`,
    );
  }
} catch (error) {
  if (!(error instanceof FuzzFailure)) throw error;
  const path = join(tmpdir(), `fuzz-failure-${process.pid}`);
  writeFileSync(path, error.input);
  console.error(error.message);
  if (error.cause instanceof Error) console.error(error.cause.stack);
  console.error(`The input is in ${path}.`);
  process.exitCode = 1;
}
