/** A month of connections: bytes on disk, what questions cost, memory, and the time until a server answers. Other databases beside. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { childrenOf, residentMb } from '../serve/cpu-time.js';
import { historyOf, Netns, WeirServe } from '../serve/weir-serve.js';
import type { AskedMemory, AskedSample } from './ask.js';
import { csvColumns, writeCsv } from './csv.js';
import { generateHistory } from './generate.js';
import { startBetterSqlite, startPostgres, startSqlite } from './peer-databases.js';
import { questions, type Span } from './questions.js';

/** How much is measured. */
export interface HistoryRequest {
  readonly connections: number;
  readonly days: number;
  /** The last days, whose rows go into the other databases, too. */
  readonly peerDays: number;
  readonly repeats: number;
  readonly peerRepeats: number;
  readonly onProgress: (text: string) => void;
}

/** A database beside, and what it took. */
export interface PeerResult {
  readonly name: string;
  readonly loadCpuUs: number;
  readonly bytes: number;
  readonly samples: readonly AskedSample[];
}

/** All figures; sizes and CPU of loading are those of a connection. */
export interface HistoryResult {
  readonly connections: number;
  readonly days: number;
  readonly copyCpuUs: number;
  readonly bytes: Readonly<Record<string, number>>;
  readonly segments: number;
  readonly samples: readonly AskedSample[];
  readonly memory: AskedMemory;
  /** From the start of `weir serve` to its first answer, milliseconds, and what is resident then; NaN where it cannot run. */
  readonly serve: readonly {
    readonly answerMs: number;
    readonly serverMb: number;
    readonly collectorMb: number;
  }[];
  readonly peerConnections: number;
  /** The questions about the days that the other databases have. */
  readonly peerSamples: readonly AskedSample[];
  readonly peers: readonly PeerResult[];
}

const HOUR_NS = 3_600_000_000_000n;
const DAY_NS = 24n * HOUR_NS;
const STARTS = 3;

/** Needs room of 5 GB for 10 million connections in the system's temporary folder; as root, the server is measured, too. */
export async function benchHistory(request: HistoryRequest): Promise<HistoryResult> {
  const { connections, days, onProgress } = request;
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-history-'));
  // The users of the server and of PostgreSQL pass through it.
  chmodSync(folder, 0o755);
  const end = ((BigInt(Date.now()) * 1_000_000n) / HOUR_NS) * HOUR_NS - HOUR_NS;
  const all = { from: end - BigInt(days) * DAY_NS, to: end };
  try {
    const served = join(folder, 'weir');
    const history = historyOf(served);
    mkdirSync(history, { recursive: true });
    chmodSync(served, 0o755);
    const copying = await generateHistory({ folder: history, connections, days, end, onProgress });
    const { bytes, segments } = sizes(history, connections);
    onProgress('questions');
    const { samples, memory } = await ask(history, request.repeats, all);
    execFileSync('chown', ['-R', 'nobody', join(served, 'server')]);
    const serve = await startServers(served, onProgress);
    const span = { from: end - BigInt(request.peerDays) * DAY_NS, to: end };
    return {
      connections,
      days,
      copyCpuUs: (copying.cpuMs * 1000) / connections,
      bytes,
      segments,
      samples,
      memory,
      serve,
      peerSamples: span.from === span.to ? [] : (await ask(history, request.peerRepeats, span)).samples,
      ...(await benchPeers(folder, join(history, 'segments'), span, request)),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Bytes a connection, by table, and of the database file. */
function sizes(history: string, connections: number) {
  const folder = join(history, 'segments');
  const bytes: Record<string, number> = {
    'database file': statSync(join(history, 'hot.duckdb')).size / connections,
  };
  const names = readdirSync(folder);
  for (const name of names) {
    const table = name.slice(0, name.indexOf('-'));
    bytes[table] = (bytes[table] ?? 0) + statSync(join(folder, name)).size / connections;
  }
  return { bytes, segments: names.length };
}

async function ask(history: string, repeats: number, { from, to }: Span) {
  const program = fileURLToPath(new URL('ask.js', import.meta.url));
  const child = spawn(process.execPath, [program, history, String(repeats), String(from), String(to)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output, [status]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  if (status !== 0) throw new Error('the questions failed');
  const lines = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  return { samples: lines.slice(0, -1) as AskedSample[], memory: lines.at(-1) as AskedMemory };
}

async function startServers(
  folder: string,
  onProgress: (text: string) => void,
): Promise<HistoryResult['serve']> {
  if (process.getuid?.() !== 0) return [];
  const results = [];
  using netns = new Netns();
  for (let start = 0; start < STARTS; start++) {
    onProgress('weir serve');
    await using serve = await WeirServe.start(folder, netns);
    const answerMs = await serve.firstAnswer('/groups?range=-1d&by=process');
    const [server] = childrenOf(serve.collector);
    const [serverMb, collectorMb] = [server!, serve.collector].map((pid) => residentMb(pid).now);
    results.push({ answerMs, serverMb: serverMb!, collectorMb: collectorMb! });
  }
  return results;
}

async function benchPeers(
  folder: string,
  segments: string,
  span: Span,
  { peerRepeats, onProgress }: HistoryRequest,
): Promise<Pick<HistoryResult, 'peers' | 'peerConnections'>> {
  if (span.from === span.to) return { peers: [], peerConnections: 0 };
  const csv = join(folder, 'ends.csv');
  const peerConnections = await writeCsv(segments, span, csv);
  chmodSync(csv, 0o644);
  const peers: PeerResult[] = [];
  for (const start of [startPostgres, startSqlite, startBetterSqlite]) {
    await using database = await start(folder, csvColumns);
    if (database === undefined) continue;
    onProgress(database.name);
    const { cpuMs } = await database.load(csv);
    const samples: AskedSample[] = [];
    for (const { name, sql } of questions('0123456789abcdef')) {
      if (sql === undefined) continue;
      const taken = [];
      for (let repeat = 0; repeat < peerRepeats; repeat++) taken.push(await database.ask(sql(span)));
      samples.push({
        name,
        cpuMs: taken.map((each) => each.cpuMs),
        wallMs: taken.map((each) => each.wallMs),
      });
    }
    peers.push({
      name: database.name,
      loadCpuUs: (cpuMs * 1000) / peerConnections,
      bytes: (await database.bytes()) / peerConnections,
      samples,
    });
  }
  return { peers, peerConnections };
}
