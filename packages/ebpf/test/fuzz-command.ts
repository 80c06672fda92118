/**
 * Fuzzing for as long as wanted: `npm run fuzz -w @weir/ebpf -- --cases N --seed S`. Damaged are all objects that there are: those of the
 * tests, and those that the packages hold. A case that fails is written to a file and ends the run; `--first INDEX --cases 1` with the same seed
 * repeats it. The cases are shared by as many processes as there are CPUs, or `--jobs N`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
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
    jobs: { type: 'string', default: String(availableParallelism()) },
  },
});
const { cases, seed, first, jobs } = {
  cases: Number(values.cases),
  seed: Number(values.seed),
  first: Number(values.first),
  jobs: Number(values.jobs),
};
if (![cases, seed, first, jobs].every(Number.isSafeInteger) || jobs < 1) {
  console.error('usage: fuzz [--cases N] [--seed S] [--first INDEX] [--jobs N]');
  process.exit(2);
}

/** Cases between two lines of progress. */
const step = 5_000;
const shares = Math.min(jobs, Math.ceil(cases / step));
if (shares > 1) process.exit(await runShares(shares));

/** Runs the cases in so many processes, until they are done or one fails. Returns the exit status. */
async function runShares(count: number): Promise<number> {
  const size = Math.ceil(cases / count);
  const processes = Array.from({ length: count }, (_, i) => {
    const share = Math.min(size, cases - i * size);
    const options = { cases: share, seed, first: first + i * size, jobs: 1 };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    return spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...args], { stdio: 'inherit' });
  });
  let status = 0;
  await Promise.all(
    processes.map(async (child) => {
      const [code] = (await once(child, 'exit')) as [number | null];
      if (code === 0 || status !== 0) return;
      status = code ?? 1;
      for (const other of processes) other.kill();
    }),
  );
  return status;
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
try {
  for (let done = 0; done < cases; done += step) {
    const count = Math.min(step, cases - done);
    const report = fuzz(samples, seed, count, first + done);
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
