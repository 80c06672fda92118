/** The measurements by Weir: weir-loader.js OBJECT MODULE btf|load|maps|ring. MODULE is what weir-bpf2ts makes of the object. Prints JSON. */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import {
  type Codec,
  Collection,
  indexKey,
  Kind,
  kernelBtf,
  parseObject,
  type RecordColumns,
  RecordReader,
  RingBufferReader,
} from '@weir/ebpf';
import { median } from '../statistics.js';
import { fills, keyCount, loads, type Measures, passes, recordCount, smallRing, warmUp } from './measures.js';

interface Sample {
  bytes: number;
  pid: number;
}

/** What the generated module has of `struct record`. */
interface Generated {
  readonly sizeofRecord: number;
  readonly readRecord: Codec<Sample>['read'];
  readonly RecordColumns: new (capacity: number) => RecordColumns & { clear(): void };
}

const [, , path = '', generated = '', part] = process.argv;

/** CPU time of this process, nanoseconds. */
function now(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

function residentKib(): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
}

function load(maxEntries: Record<string, number> = {}): Collection {
  return Collection.load(parseObject(readFileSync(path)), { maxEntries });
}

let sum = 0;

function btf(): Measures {
  const [before, start] = [residentKib(), now()];
  if (kernelBtf()?.find('task_struct', Kind.struct) === undefined) throw new Error('no task_struct');
  return { btfMs: (now() - start) / 1e6, btfKib: residentKib() - before };
}

function loading(): Measures {
  let start = now();
  const small = { records: smallRing };
  using _first = load(small);
  const first = now() - start;
  const resident = residentKib();
  const again = Array.from({ length: loads }, () => {
    start = now();
    const next = load(small);
    const took = now() - start;
    next.close();
    return took;
  });
  return { loadFirstMs: first / 1e6, loadAgainMs: median(again) / 1e6, residentKib: resident };
}

function measured(pass: () => void): number {
  for (let i = 0; i < warmUp; i++) pass();
  const times = Array.from({ length: passes }, () => {
    const start = now();
    pass();
    return now() - start;
  });
  return median(times) / keyCount;
}

function maps(): Measures {
  using collection = load();
  const table = collection.map('table');
  const key = new Uint8Array(4);
  const value = new Uint8Array(8);
  const [keyView, valueView] = [new DataView(key.buffer), new DataView(value.buffer)];
  return {
    updateNs: measured(() => {
      for (let i = 0; i < keyCount; i++) {
        keyView.setUint32(0, i, true);
        valueView.setUint32(0, i, true);
        table.update(key, value);
      }
    }),
    lookupNs: measured(() => {
      for (let i = 0; i < keyCount; i++) {
        keyView.setUint32(0, i, true);
        sum += table.lookup(key)![0]!;
      }
    }),
    keysNs: measured(() => {
      for (const each of table.keys()) sum += each[0]!;
    }),
    entriesNs: measured(() => {
      for (const [each, found] of table.entries()) sum += each[0]! + found[0]!;
    }),
  };
}

async function ring(): Promise<Measures> {
  const record = (await import(pathToFileURL(generated).href)) as Generated;
  using collection = load();
  const map = collection.map('records');
  const codec = { size: record.sizeofRecord, read: record.readRecord };
  using reader = new RecordReader<Sample>(new RingBufferReader(map), codec, map.name);
  const columns = new record.RecordColumns(recordCount);
  const into = record.readRecord(new DataView(new ArrayBuffer(record.sizeofRecord)), 0);
  const data = new Uint8Array(64);
  const rounds = (read: () => number) =>
    median(
      Array.from({ length: fills }, () => {
        collection.program('fill').testRun({ data, repeat: recordCount });
        const start = now();
        let count = 0;
        for (let got = read(); got > 0; got = read()) count += got;
        if (count !== recordCount) throw new Error(`${count} records`);
        return now() - start;
      }),
    ) / recordCount;
  const onRecord = ({ bytes, pid }: Sample): void => {
    sum += bytes + pid;
  };
  const objectNs = rounds(() => reader.drain(onRecord, undefined, into));
  const columnsNs = rounds(() => {
    columns.clear();
    return reader.drainColumns(columns);
  });
  return { objectNs, columnsNs };
}

// The library itself is loaded by now.
indexKey(0);
const measure = { btf, load: loading, maps, ring }[part ?? ''];
if (measure === undefined) throw new Error(`no part ${part}`);
process.stdout.write(`${JSON.stringify(await measure())}\n`);
if (sum === 1) process.exitCode = 1;
