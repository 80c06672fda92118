/** A process that asks a history every question, as a server does, and prints what each took as lines of JSON. */
import { HistoryStore } from '@weir/history';
import { querySql } from '@weir/history/query';
import { residentMb, timed } from '../serve/cpu-time.js';
import { questions } from './questions.js';

/** What a question took, each time. */
export interface AskedSample {
  readonly name: string;
  readonly aimMs?: number;
  readonly cpuMs: readonly number[];
  readonly wallMs: readonly number[];
}

/** What it all took. */
export interface AskedMemory {
  readonly openMs: number;
  readonly openCpuMs: number;
  readonly residentMb: number;
  readonly peakMb: number;
}

const [folder, repeats, from, to] = process.argv.slice(2) as [string, string, string, string];
const all = { from: BigInt(from), to: BigInt(to) };
const print = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`);

let store!: HistoryStore;
const opening = await timed(async () => {
  // One thread, as the server's has.
  store = await HistoryStore.open({ folder, threads: 1 });
});
const middle = await querySql(store, {
  sql: `SELECT lpad(lower(hex(connection_id)), 16, '0') FROM ends
    WHERE time >= make_timestamp_ns(${(all.from + all.to) / 2n}) AND connection_id IS NOT NULL LIMIT 1`,
});
for (const { name, aimMs, ask } of questions(String(middle.rows[0]?.[0]))) {
  const [cpuMs, wallMs]: [number[], number[]] = [[], []];
  for (let repeat = 0; repeat < Number(repeats); repeat++) {
    const taken = await timed(() => ask(store, all));
    cpuMs.push(taken.cpuMs);
    wallMs.push(taken.wallMs);
  }
  print({ name, ...(aimMs !== undefined && { aimMs }), cpuMs, wallMs } satisfies AskedSample);
}
const { now, peak } = residentMb('self');
print({
  openMs: opening.wallMs,
  openCpuMs: opening.cpuMs,
  residentMb: now,
  peakMb: peak,
} satisfies AskedMemory);
await store.close();
