import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { HistoryError, HistoryStore, NoHistoryError, type Notice, ReadOnlyError } from '../src/index.js';
import { queryGroups } from '../src/query/index.js';
import { openOrSetAside } from '../src/store/broken-database.js';
import type { Step, StoreContext } from '../src/store/context.js';
import { layoutOf } from '../src/store/layout.js';
import { plainEnd } from './support/plain-rows.js';
import { Random } from './support/random-rows.js';
import { batchOf, HOUR, HOUR_NS, openStore, readTable, temporaryFolder } from './support/store.js';

const DAMAGED = 'ends-2025-11-24T16Z-1.parquet';
const ROWS = 3000;

let template = '';
before(async () => {
  template = mkdtempSync(join(tmpdir(), 'weir-history-'));
  await makeHistory(template);
});
after(() => rmSync(template, { recursive: true, force: true }));

/** A closed history with three hours as segments, and one row in the database file. */
async function closedHistory(context: TestContext): Promise<string> {
  const folder = await temporaryFolder(context);
  cpSync(template, folder, { recursive: true });
  return folder;
}

async function makeHistory(folder: string): Promise<void> {
  const store = await HistoryStore.open({ folder, minimumFreeBytes: 0 });
  const random = new Random(51);
  for (let hour = 0n; hour < 4n; hour++) {
    const count = hour < 3n ? ROWS : 1;
    const ends = Array.from({ length: count }, (_, index) =>
      plainEnd(random, { time: HOUR + hour * HOUR_NS + BigInt(index), flow_ns: random.wide() }),
    );
    await store.append(batchOf(Number(hour) + 1, { ends, time: HOUR + hour * HOUR_NS + HOUR_NS / 2n }));
    await store.maintain();
  }
  await store.close();
}

function flip(path: string, at: number, length = 64): void {
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(length, 0xa5), 0, length, at);
  closeSync(file);
}

const damages: readonly (readonly [string, (path: string, size: number) => void])[] = [
  ['has lost its end', (path, size) => truncateSync(path, size - 100)],
  ['is empty', (path) => truncateSync(path, 0)],
  ['is missing', (path) => rmSync(path)],
  ['has bytes too many', (path) => writeFileSync(path, 'more', { flag: 'a' })],
  ['has its end twice', (path, size) => appendFileSync(path, readFileSync(path).subarray(size - 8))],
  ['has another footer', (path, size) => flip(path, size - 8, 8)],
  ['has another beginning', (path) => flip(path, 0, 4)],
  ['has other values inside', (path, size) => flip(path, Math.floor(size / 3), Math.floor(size / 3))],
  ['has a footer that is nonsense', (path, size) => flip(path, size - 600, 500)],
  [
    'is a symbolic link',
    (path) => {
      rmSync(path);
      symlinkSync('/etc/passwd', path);
    },
  ],
  [
    'is a folder',
    (path) => {
      rmSync(path);
      mkdirSync(path);
    },
  ],
  [
    'is a pipe',
    (path) => {
      rmSync(path);
      execFileSync('mkfifo', [path]);
    },
  ],
];

describe('a history with a damaged segment', () => {
  for (const [how, damage] of damages) {
    for (const readOnly of [false, true]) {
      test(`that ${how} answers with the rest and the loss${readOnly ? ', when it is only read' : ''}`, async (context) => {
        const folder = await closedHistory(context);
        const path = join(folder, 'segments', DAMAGED);
        damage(path, readFileSync(path).length);
        const store = await openStore(context, { folder, readOnly });
        for (let time = 0; time < 2; time++) {
          assert.equal((await readTable(store, 'ends')).length, 2 * ROWS + 1);
          const range = { from: HOUR + HOUR_NS, to: HOUR + 2n * HOUR_NS };
          const { result, losses } = await queryGroups(store, { range, by: ['process'] });
          assert.equal(result.total.connections, 0);
          assert.deepEqual(
            losses.map(({ count, place, since }) => [count, place, since]),
            [[ROWS, 'history', HOUR + HOUR_NS]],
          );
          assert.match(losses[0]!.detail!, new RegExp(`^the segment ${DAMAGED} is damaged: .`));
          const elsewhere = await queryGroups(store, { range: { from: HOUR, to: HOUR + HOUR_NS }, by: [] });
          assert.deepEqual([elsewhere.result.total.connections, elsewhere.losses], [ROWS, []]);
        }
      });
    }
  }

  test('that breaks while it is open sets it aside at the next question', async (context) => {
    const folder = await closedHistory(context);
    const notices: Notice[] = [];
    const store = await openStore(context, { folder, notice: (notice) => notices.push(notice) });
    const path = join(folder, 'segments', DAMAGED);
    flip(path, 4, readFileSync(path).length - 200);
    assert.equal((await readTable(store, 'ends')).length, 2 * ROWS + 1);
    assert.equal((await readTable(store, 'losses')).length, 1);
    assert.deepEqual(
      notices.map(({ kind }) => kind),
      ['damaged'],
    );
    assert.ok(readdirSync(join(folder, 'segments')).includes(`${DAMAGED}.damaged`));
  });

  for (const step of ['damaged:renamed', 'damaged:committed'] as Step[]) {
    test(`has its loss once when the process ends at ${step}`, async (context) => {
      const folder = await closedHistory(context);
      truncateSync(join(folder, 'segments', DAMAGED), 10);
      const fail = (now: Step) => {
        if (now === step) throw new Error('ended');
      };
      await assert.rejects(HistoryStore.open({ folder, step: fail } as never), /ended/);
      const store = await openStore(context, { folder });
      assert.equal((await readTable(store, 'losses')).length, 1);
      assert.equal((await readTable(store, 'ends')).length, 2 * ROWS + 1);
    });
  }
});

describe('a history whose database file', () => {
  test('is gone uses the segments that are there', async (context) => {
    const folder = await closedHistory(context);
    rmSync(join(folder, 'hot.duckdb'));
    const notices: Notice[] = [];
    const store = await openStore(context, { folder, notice: (notice) => notices.push(notice) });
    assert.equal((await readTable(store, 'ends')).length, 3 * ROWS);
    assert.match(notices[0]!.message, /is new; 3 segments that were there are used again/);
  });

  for (const [how, bytes] of [
    ['is nonsense', Buffer.alloc(300_000, 'nonsense')],
    ['is text', Buffer.from('text')],
    ['is empty', Buffer.alloc(0)],
  ] as const) {
    test(`${how} is set aside, and the segments are used`, async (context) => {
      const folder = await closedHistory(context);
      writeFileSync(join(folder, 'hot.duckdb'), bytes);
      const notices: Notice[] = [];
      const store = await openStore(context, { folder, notice: (notice) => notices.push(notice) });
      assert.equal((await readTable(store, 'ends')).length, 3 * ROWS);
      assert.equal(await store.append(batchOf(1, { epoch: 'b'.repeat(32) })), true);
      assert.ok(notices.some(({ kind }) => kind === 'rebuilt'));
      const losses = await readTable(store, 'losses');
      const newest = HOUR + 2n * HOUR_NS + BigInt(ROWS - 1);
      assert.deepEqual(
        losses.map(({ since, count, place }) => [since, count, place]),
        bytes.length > 0 ? [[newest, undefined, 'history']] : [],
      );
      const aside = readdirSync(folder).filter((name) => name.includes('.damaged'));
      assert.equal(aside.length, bytes.length > 0 ? 1 : 0);
    });
  }

  test('has a damaged log of changes goes on without that alone', async (context) => {
    const folder = await temporaryFolder(context);
    const layout = layoutOf(folder);
    writeFileSync(layout.database, 'database');
    writeFileSync(`${layout.database}.wal`, 'log');
    const open = async () => {
      if (existsSync(`${layout.database}.wal`))
        throw new Error('Failure while replaying WAL file "x": entry too long');
      return 'opened';
    };
    const notices: Notice[] = [];
    const shared = { layout, notice: (notice: Notice) => notices.push(notice) } as unknown as StoreContext;
    const { database, aside } = await openOrSetAside(shared, open);
    assert.equal(database, 'opened');
    assert.ok(aside!.startsWith(`${layout.database}.wal.damaged-`));
    assert.equal(readFileSync(layout.database, 'utf8'), 'database');
    assert.equal(notices.length, 1);
  });

  test('is from a later version is left alone', async (context) => {
    const folder = await temporaryFolder(context);
    await (await HistoryStore.open({ folder })).close();
    const { currentSchema, SCHEMA_VERSION } = await import('../src/schema/index.js');
    const version = SCHEMA_VERSION + 1;
    const next = { ...currentSchema, version, migrations: [{ version, statements: [] }] };
    await (await HistoryStore.open({ folder, schema: next } as never)).close();
    for (const readOnly of [false, true])
      await assert.rejects(
        HistoryStore.open({ folder, readOnly }),
        /version \d+ of the schema.*use a newer Weir/,
      );
  });
});

describe('a history that is only read', () => {
  test('answers, and refuses to store', async (context) => {
    const folder = await closedHistory(context);
    const before = readdirSync(folder).sort();
    const store = await openStore(context, { folder, readOnly: true });
    assert.equal((await readTable(store, 'ends')).length, 3 * ROWS + 1);
    await assert.rejects(store.append(batchOf(9)), ReadOnlyError);
    await assert.rejects(store.maintain(), ReadOnlyError);
    assert.equal(store.readOnly, true);
    assert.deepEqual(readdirSync(folder).sort(), before);
  });

  test('can be read by several at a time', async (context) => {
    const folder = await closedHistory(context);
    const { execFileSync } = await import('node:child_process');
    await openStore(context, { folder, readOnly: true });
    const script = `import { HistoryStore } from ${JSON.stringify(new URL('../src/index.js', import.meta.url).href)};
      const store = await HistoryStore.open({ folder: ${JSON.stringify(folder)}, readOnly: true });
      console.log(store.watermark); await store.close();`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    assert.match(output, /^\d+n\n$/);
  });

  test('has to be there', async (context) => {
    const folder = await temporaryFolder(context);
    await assert.rejects(HistoryStore.open({ folder, readOnly: true }), HistoryError);
    await assert.rejects(
      HistoryStore.open({ folder: join(folder, 'none'), readOnly: true }),
      (error) => error instanceof NoHistoryError && /has no history/.test(error.message),
    );
    assert.deepEqual(readdirSync(folder), []);
  });
});
