import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Step } from '../src/store/context.js';
import { checkCrash, checkRetention, checkSummaries, crashBatch } from './support/crash-rows.js';
import { Random } from './support/random-rows.js';
import { openStore, readTable, temporaryFolder } from './support/store.js';

const child = fileURLToPath(new URL('support/crash-child.js', import.meta.url));
/** `WEIR_KILLS=200` sets another number. */
const KILLS = Number(process.env.WEIR_KILLS ?? 15);

/** Runs until it is dead. @returns the number of the last acknowledged batch. */
async function runUntilDead(
  folder: string,
  run: number,
  kill: (process: ChildProcess) => Promise<void>,
  args: readonly string[] = [],
): Promise<{ acknowledged: number; signal: string | null }> {
  const started = spawn(process.execPath, [child, folder, String(run), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  started.stdout.on('data', (text) => {
    output += text;
  });
  const ended = once(started, 'close');
  await kill(started);
  const [, signal] = await ended;
  return { acknowledged: Number(output.trimEnd().split('\n').at(-1) ?? 0), signal: signal as string | null };
}

describe('a history whose process is killed', () => {
  test(`has every acknowledged row once after ${KILLS} kills at random moments`, async (context) => {
    const folder = await temporaryFolder(context);
    const random = new Random(Number(process.env.WEIR_TEST_START ?? Date.now() % 2 ** 32));
    const acknowledged: number[] = [];
    for (let run = 0; run < KILLS; run++) {
      const delay = random.below(400);
      const result = await runUntilDead(folder, run, async (process) => {
        // One in three may be killed while it opens the history.
        if (run % 3 > 0) await once(process.stdout!, 'data');
        await setTimeout(delay);
        process.kill('SIGKILL');
      });
      acknowledged.push(result.acknowledged);
    }
    const store = await openStore(context, { folder });
    await checkCrash(store, acknowledged);
    assert.ok(acknowledged.filter((number) => number > 0).length >= (KILLS * 2) / 3, acknowledged.join());
    await store.maintain();
    await checkCrash(store, acknowledged);
    const losses = await readTable(store, 'losses');
    assert.ok(losses.length > 0 && losses.every(({ place }) => place === 'collector'));
  });

  const steps: Step[] = [
    'append:rows',
    'append:committed',
    'copy:written',
    'copy:synced',
    'copy:renamed',
    'copy:recorded',
    'copy:committed',
    'summary:inserted',
    'summary:committed',
  ];
  for (const step of steps) {
    test(`has every acknowledged row once after a kill at ${step}`, async (context) => {
      const folder = await temporaryFolder(context);
      const acknowledged: number[] = [];
      for (let run = 0; run < 3; run++) {
        const result = await runUntilDead(folder, run, async () => {}, [step, String(run + 1)]);
        assert.equal(result.signal, 'SIGKILL');
        acknowledged.push(result.acknowledged);
      }
      const store = await openStore(context, { folder });
      await checkCrash(store, acknowledged);
      const segments = await store.read((session) =>
        session.query('SELECT name FROM recent.segments ORDER BY name'),
      );
      assert.deepEqual(
        readdirSync(join(folder, 'segments')).sort(),
        segments.map(([name]) => name),
      );
      await store.maintain();
      await checkCrash(store, acknowledged);
      await checkSummaries(store);
    });
  }

  for (const step of ['retention:committed', 'retention:unlinked']) {
    test(`has what retention keeps, and no other file, after a kill at ${step}`, async (context) => {
      const folder = await temporaryFolder(context);
      const { acknowledged, signal } = await runUntilDead(folder, 0, async () => {}, [step, '3']);
      assert.equal(signal, 'SIGKILL');
      const store = await openStore(context, { folder });
      await checkRetention(store, acknowledged);
      await store.maintain();
      await checkSummaries(store);
      const segments = await store.read((session) =>
        session.query('SELECT name FROM recent.segments ORDER BY name'),
      );
      assert.deepEqual(
        readdirSync(join(folder, 'segments')).sort(),
        segments.map(([name]) => name),
      );
    });
  }
});

describe('a history of which a step fails', () => {
  const steps: Step[] = [
    ...(['append:rows', 'append:committed', 'copy:written', 'copy:synced', 'copy:renamed'] as const),
    ...(['copy:recorded', 'copy:committed', 'summary:inserted', 'summary:committed'] as const),
    ...(['retention:committed', 'retention:unlinked'] as const),
  ];
  for (const failing of steps) {
    test(`has every row once when ${failing} failed and is tried again`, async (context) => {
      let failures = 0;
      const store = await openStore(context, {
        // Retention is reached by size, once the first hours are segments.
        retention: failing.startsWith('retention:') ? { bytes: 1 } : {},
        step: (step) => {
          if (step === failing && failures++ === 0) throw new Error('the step failed');
        },
      });
      const tryTwice = async (work: () => Promise<unknown>) => {
        try {
          await work();
        } catch (error) {
          assert.match(String(error), /the step failed/);
          await work();
        }
      };
      for (let number = 1; number <= 40; number++) {
        await tryTwice(() => store.append(crashBatch(0, number)));
        await tryTwice(() => store.maintain());
      }
      assert.ok(failures > 0);
      if (!failing.startsWith('retention:')) await checkCrash(store, [40]);
      await checkSummaries(store);
      const segments = await store.read((session) =>
        session.query('SELECT name FROM recent.segments ORDER BY name'),
      );
      assert.deepEqual(
        readdirSync(join(store.folder, 'segments')).sort(),
        segments.map(([name]) => name),
      );
    });
  }
});
