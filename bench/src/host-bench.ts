/** Figures of Weir alone, on this machine's own kernel, at this machine's speed. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { release as kernelRelease } from 'node:os';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { buildLoad } from '@weir/lab';
import { type ColumnName, columnNames, Tracer } from '@weir/tracer';
import { jsonLine } from '@weir/tracer/json';
import { median, range } from './statistics.js';

export interface HostResult {
  readonly release: string;
  /**
   * Events out of a full ring a second of this process's CPU time, by form: from the first batch to the last, one thread. Other
   * work of the machine hardly changes it.
   */
  readonly decodeRates: Readonly<Record<Form, readonly number[]>>;
  /** Events that each of these rates was measured on. */
  readonly decodeEvents: readonly number[];
  /** Seconds from the start of `weir trace` until it traces, as `--ready-fd` reports. */
  readonly startSeconds: readonly number[];
}

/**
 * What the events become: objects, in batches or one by one; JSON lines in UTF-8, from the objects or straight from the events; columns: one, the four
 * that a sum of bytes by process needs, or all.
 */
const forms = [
  ...(['objects', 'objects one by one', 'JSON lines from objects', 'JSON lines'] as const),
  ...(['one column', 'four columns', 'all columns'] as const),
] as const;
type Form = (typeof forms)[number];

const columnsOf: { readonly [Name in Form]?: readonly ColumnName[] } = {
  'one column': ['bytes_sent'],
  'four columns': ['event', 'pid', 'bytes_sent', 'bytes_received'],
  'all columns': columnNames,
};

const weir = fileURLToPath(new URL('../../../packages/cli/bin/weir.js', import.meta.url));
const decodeRounds = 9;
const startRounds = 10;
const ringBytes = 32 * 1024 * 1024;
const connections = 20_000;
/** Events of these connections, four each, but for a few that the load may not have ended with. */
const enough = connections * 4 - 16;

/** Single records are counted by so many. */
const fewer = 8;

/** Reads in a form; yields the events of each batch. */
async function* read(tracer: Tracer, form: Form): AsyncGenerator<number> {
  switch (form) {
    case 'objects':
      for await (const batch of tracer.batches()) yield batch.length;
      return;
    case 'objects one by one': {
      let count = 0;
      for await (const _record of tracer) if (++count % fewer === 0) yield fewer;
      return;
    }
    case 'JSON lines from objects':
      for await (const batch of tracer.batches()) {
        Buffer.from(batch.map(jsonLine).join(''));
        yield batch.length;
      }
      return;
    case 'JSON lines':
      for await (const { counts } of tracer.jsonLines()) yield sum(Object.values(counts));
      return;
    default:
      for await (const batch of tracer.columns()) {
        for (const name of columnsOf[form] ?? []) batch.column(name);
        yield batch.length;
      }
  }
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);

/**
 * Fills the ring while this thread is kept from reading it, then reads it. Traced are the load's own connections only,
 * by its port.
 */
async function decode(load: string, form: Form): Promise<{ events: number; rate: number }> {
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  const filter = { ports: [{ from: port, to: port }] };
  const tracer = Tracer.start({ ringBytes, filter });
  const args = ['churn', '--no-wait', '--port', String(port), '--count', String(connections)];
  const made = spawnSync(load, args, { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`weir-load: ${made.stderr}`);
  let events = 0;
  let seconds = 0;
  const started = process.cpuUsage();
  for await (const count of read(tracer, form)) {
    events += count;
    const { user, system } = process.cpuUsage(started);
    seconds = (user + system) / 1e6;
    // Not before, since taking the programs away is no part of decoding.
    if (events > enough) void tracer.stop();
  }
  const { lost, produced, delivered } = tracer.stats();
  const [emitted, arrived] = [sum(Object.values(produced)), sum(Object.values(delivered))];
  if (lost.ring > 0 || arrived !== emitted) {
    throw new Error(
      `${emitted} events were produced, ${arrived} read, ${lost.ring} lost: the ring is too small`,
    );
  }
  return { events, rate: events / seconds };
}

async function secondsToTracing(): Promise<number> {
  // With this variable, Node.js 20 reads all certificates before it runs anything.
  const { NODE_EXTRA_CA_CERTS: _certificates, ...env } = process.env;
  const started = performance.now();
  const child = spawn(process.execPath, [weir, 'trace', '--json', '--ready-fd', '3'], {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
    env,
  });
  const failed = once(child, 'exit').then(() => {
    throw new Error('weir trace ended before it traced');
  });
  failed.catch(() => undefined);
  await Promise.race([once(child.stdio[3] as Readable, 'data'), failed]);
  const seconds = (performance.now() - started) / 1000;
  child.kill('SIGINT');
  if (child.exitCode === null) await once(child, 'exit');
  return seconds;
}

/** Needs root, as tracing does. */
export async function benchOnHost(): Promise<HostResult> {
  const { paths } = await buildLoad();
  const load = paths['weir-load']!;
  execFileSync(load, ['churn', '--no-wait', '--count', '1']);
  const rates = Object.fromEntries(forms.map((form) => [form, []])) as unknown as Record<Form, number[]>;
  const decodeEvents = [];
  for (let round = 0; round < decodeRounds; round++) {
    for (const form of forms) {
      const { events, rate } = await decode(load, form);
      rates[form].push(Math.round(rate));
      decodeEvents.push(events);
    }
  }
  const startSeconds = [];
  for (let round = 0; round < startRounds; round++) startSeconds.push(await secondsToTracing());
  return {
    release: kernelRelease(),
    decodeRates: rates,
    decodeEvents,
    startSeconds,
  };
}

function line(name: string, values: readonly number[], digits: number): string {
  const [least, most] = range(values);
  const cells = [median(values), least, most].map((value) => value.toFixed(digits));
  return `| ${name} | ${cells.join(' | ')} |\n`;
}

export function hostTable(host: HostResult): string {
  return (
    '| figure | median | least | most |\n| --- | --- | --- | --- |\n' +
    forms
      .map((form) =>
        line(`events out of a full ring a second of CPU time: ${form}`, host.decodeRates[form], 0),
      )
      .join('') +
    line('seconds from start to tracing', host.startSeconds, 3)
  );
}
