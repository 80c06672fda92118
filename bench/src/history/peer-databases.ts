/** The same rows in other databases: PostgreSQL as its own user over a Unix socket, SQLite by Debian's command, and in a program. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type CpuTime, processCpuMs, treeCpuMs } from '../serve/cpu-time.js';
import type { BetterSqliteWork } from './better-sqlite-child.js';

/** A database beside. */
export interface PeerDatabase extends AsyncDisposable {
  readonly name: string;
  /** Loads a file of comma-separated values, and makes the indexes. */
  load(csv: string): Promise<CpuTime>;
  /** Bytes on disk, indexes included. */
  bytes(): Promise<number>;
  ask(sql: string): Promise<CpuTime>;
}

/** Columns of the file, with their types for PostgreSQL, which SQLite reads as well. */
export interface CsvColumn {
  readonly name: string;
  readonly type: string;
}

const indexes = ['time_ns', 'peer_address, peer_port', 'connection_id'];
const indexSql = indexes.map((columns, index) => `CREATE INDEX i${index} ON ends (${columns});`);
const tableSql = (columns: readonly CsvColumn[]) =>
  `CREATE TABLE ends (${columns.map(({ name, type }) => `"${name}" ${type}`).join(', ')});`;

const BIN = '/usr/lib/postgresql/15/bin';

/** @returns undefined where Debian's postgresql-15 is not installed. */
export async function startPostgres(
  folder: string,
  columns: readonly CsvColumn[],
): Promise<PeerDatabase | undefined> {
  if (!existsSync(`${BIN}/initdb`)) return undefined;
  const [uid, gid] = ['-u', '-g'].map((flag) =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' })),
  );
  const data = join(folder, 'postgres');
  mkdirSync(data);
  chownSync(data, uid!, gid!);
  chmodSync(data, 0o700);
  const as = { uid: uid!, gid: gid!, cwd: data, encoding: 'utf8' } as const;
  execFileSync(`${BIN}/initdb`, ['-D', join(data, 'db'), '-A', 'trust', '--no-locale', '-E', 'UTF8'], {
    ...as,
    stdio: 'ignore',
  });
  const args = ['-D', join(data, 'db'), '-c', 'listen_addresses=', '-k', data];
  const server = spawn(`${BIN}/postgres`, args, { ...as, stdio: ['ignore', 'ignore', 'ignore'] });
  const ended = once(server, 'exit');
  const pid = server.pid!;
  const psql = (sql: string, input: 'ignore' | number = 'ignore') =>
    execFileSync('psql', ['-h', data, '-d', 'postgres', '-qAt', '-v', 'ON_ERROR_STOP=1', '-c', sql], {
      ...as,
      stdio: [input, 'pipe', 'pipe'],
      maxBuffer: 2 ** 28,
    });
  for (let tries = 0; ; tries++) {
    try {
      psql('SELECT 1');
      break;
    } catch (error) {
      if (tries === 100) throw error;
      await sleep(100);
    }
  }
  const taken = async (run: () => void): Promise<CpuTime> => {
    const [cpu, started] = [treeCpuMs(pid), performance.now()];
    run();
    const wallMs = performance.now() - started;
    // The time of a backend that has ended is known when its parent has seen that.
    await sleep(30);
    return { cpuMs: treeCpuMs(pid) - cpu, wallMs };
  };
  return {
    name: 'PostgreSQL 15',
    load: (csv) =>
      taken(() => {
        psql(tableSql(columns));
        psql(`COPY ends FROM '${csv}' (FORMAT csv)`);
        for (const sql of indexSql) psql(sql);
        psql('ANALYZE ends');
        psql('CHECKPOINT');
      }),
    bytes: async () => Number(psql("SELECT pg_total_relation_size('ends')").trim()),
    ask: (sql) => taken(() => psql(sql)),
    async [Symbol.asyncDispose]() {
      server.kill('SIGINT');
      await ended;
    },
  };
}

/** @returns undefined where Debian's sqlite3 is not installed. */
export async function startSqlite(
  folder: string,
  columns: readonly CsvColumn[],
): Promise<PeerDatabase | undefined> {
  if (!existsSync('/usr/bin/sqlite3')) return undefined;
  const file = join(folder, 'sqlite.db');
  const script = join(folder, 'sqlite.sql');
  const run = (commands: readonly string[]): Promise<CpuTime> => {
    writeFileSync(script, commands.join('\n'));
    return childTime(['/usr/bin/sqlite3', '-csv', file, `.read ${script}`]);
  };
  return {
    name: 'SQLite',
    load: (csv) =>
      run([
        'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;',
        tableSql(columns),
        `.import ${csv} ends`,
        ...indexSql,
        'ANALYZE; PRAGMA wal_checkpoint(TRUNCATE);',
      ]),
    bytes: async () => Number(execFileSync('stat', ['-c', '%s', file], { encoding: 'utf8' })),
    ask: (sql) => run(['PRAGMA cache_size = -131072;', `${sql};`]),
    async [Symbol.asyncDispose]() {},
  };
}

/** @returns undefined where better-sqlite3 is not installed, or SQLite's own command, which has loaded its rows before. */
export async function startBetterSqlite(
  folder: string,
  columns: readonly CsvColumn[],
): Promise<PeerDatabase | undefined> {
  const loaded = join(folder, 'sqlite.db');
  if (!existsSync(loaded) || !isInstalled('better-sqlite3')) return undefined;
  const file = join(folder, 'better-sqlite.db');
  const program = fileURLToPath(new URL('better-sqlite-child.js', import.meta.url));
  const child = spawn(process.execPath, [program, loaded, file], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const run = async (work: BetterSqliteWork): Promise<CpuTime> => {
    child.stdin.write(`${JSON.stringify(work)}\n`);
    const { value, done } = await lines.next();
    if (done === true) throw new Error('better-sqlite3 failed');
    return JSON.parse(value) as CpuTime;
  };
  return {
    name: 'better-sqlite3',
    load: () => run({ create: tableSql(columns), indexes: indexSql, columns: columns.length }),
    bytes: async () => statSync(file).size,
    ask: (sql) => run({ sql }),
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
    },
  };
}

function isInstalled(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** Time of a child, from a parent that has no other. */
async function childTime(command: readonly string[]): Promise<CpuTime> {
  const shell = spawn('bash', ['-c', '"$@" > /dev/null && echo done && read', 'bash', ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const started = performance.now();
  const exit = once(shell, 'exit');
  await Promise.race([once(shell.stdout, 'data'), exit]);
  if (shell.exitCode !== null) throw new Error(`${command[0]} failed`);
  const wallMs = performance.now() - started;
  const cpuMs = processCpuMs(shell.pid!);
  shell.stdin.end('\n');
  await exit;
  return { cpuMs, wallMs };
}
