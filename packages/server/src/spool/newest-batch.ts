/** What a killed collector has left in its spool. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { summarizeBatch } from '../wire/decode-batch.js';
import { SpoolReader } from './spool-file.js';
import { spoolFileName, spoolFileNumber } from './spool-format.js';

/** The highest number of a batch of a run that is whole in the spool; 0 where none is. @throws Error of the system */
export function newestSpooled(folder: string, epoch: string): number {
  if (!existsSync(folder)) return 0;
  const numbers = readdirSync(folder).flatMap((name) => spoolFileNumber(name) ?? []);
  // The newest file with a batch of the run has the newest of them.
  for (const number of numbers.sort((a, b) => b - a)) {
    const newest = newestIn(join(folder, spoolFileName(number)), epoch);
    if (newest > 0) return newest;
  }
  return 0;
}

function newestIn(path: string, epoch: string): number {
  using reader = new SpoolReader(path);
  let newest = 0;
  for (let result = reader.next(); result.kind !== 'end'; result = reader.next()) {
    if (result.kind !== 'batch') continue;
    try {
      const summary = summarizeBatch(result.payload);
      if (summary.epoch === epoch) newest = Math.max(newest, summary.number);
    } catch {
      // It is reported when it is to be sent.
    }
  }
  return newest;
}
