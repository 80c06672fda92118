/** Finds what answers a question: the server that runs in a folder, one elsewhere, or the folder itself. */
import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { HistoryInUseError } from '@weir/history';
import { publishedApi, requireOwnServer, servePaths } from '@weir/server/serve';
import { readInput } from '../args/input-file.js';
import { UsageError } from '../failure.js';
import { ApiClient, type ServerPlace } from './api-client.js';
import { folderQuestions } from './folder-questions.js';
import type { Questions } from './questions.js';
import { runningQuestions } from './running-questions.js';

/** Where a history is. */
export interface HistoryFlags {
  readonly folder: string;
  readonly url?: string;
  /** A file with a token. */
  readonly token?: string;
  /** A file with certificates. */
  readonly cacert?: string;
}

/** A server that has the history open, and does not listen yet, is starting. */
const STARTING_MS = 10_000;
const STEP_MS = 100;

/** Finds what answers. @throws UsageError, HistoryError */
export async function openQuestions(flags: HistoryFlags): Promise<Questions> {
  const { url, folder } = flags;
  if (url !== undefined) return runningQuestions(new ApiClient(remotePlace(url, flags)));
  if (flags.token !== undefined || flags.cacert !== undefined) return askAt(folder, flags);
  for (let waitedMs = 0; ; waitedMs += STEP_MS) {
    const running = await askRunning(folder);
    if (running !== undefined) return running;
    try {
      return await folderQuestions(folder);
    } catch (error) {
      const { socket, api } = servePaths(folder);
      // A server that starts replaces them one after the other, so one of them is there.
      const isStarting = error instanceof HistoryInUseError && [socket, api].some((path) => existsSync(path));
      if (!isStarting || waitedMs >= STARTING_MS) throw error;
    }
    await setTimeout(STEP_MS);
  }
}

/** The server of a folder, by its local socket, or as any user of this host; undefined where none runs. */
async function askRunning(folder: string): Promise<Questions | undefined> {
  const { api } = servePaths(folder);
  const place = { name: api, url: new URL('http://localhost/'), socketPath: api };
  try {
    return await runningQuestions(new ApiClient(place));
  } catch (error) {
    switch (causeCode(error)) {
      case 'ENOENT':
      case 'ENOTDIR':
      case 'ECONNREFUSED':
        return undefined;
      case 'EACCES':
        return askAt(folder, {});
      default:
        throw error;
    }
  }
}

const LOGIN_ADVICE =
  'ask as root (sudo weir query), or with --token FILE (weir serve token add NAME makes one)';

/** Asks at the address that the folder's server has published. */
async function askAt(folder: string, flags: Partial<HistoryFlags>): Promise<Questions> {
  const paths = servePaths(folder);
  const url = publishedApi(paths);
  const isNamed = flags.token !== undefined || flags.cacert !== undefined;
  if (url === undefined)
    throw new UsageError(
      isNamed
        ? `${folder}: no server runs there: start weir serve, or name a server with --url`
        : `${folder}: no server runs there that any user may ask: ask as root (sudo weir query)`,
    );
  const place = remotePlace(url.href, flags);
  if (place.token !== undefined) requireOwnServer(url, paths);
  return runningQuestions(new ApiClient({ ...place, loginAdvice: LOGIN_ADVICE }));
}

function remotePlace(text: string, { token, cacert }: Partial<HistoryFlags>): ServerPlace {
  const url = readUrl(text);
  return {
    name: url.href.replace(/\/$/, ''),
    url,
    ...(token !== undefined && { token: readToken(token) }),
    ...(cacert !== undefined && { ca: readInput(cacert) }),
  };
}

function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.hostname === '')
    throw new UsageError(`--url: ${JSON.stringify(text)}: expected https://HOST:PORT, or http://HOST:PORT`);
  if (url.username !== '' || url.password !== '')
    throw new UsageError('--url: a URL has no password here: --token FILE names a file with a token');
  if (url.search !== '' || url.hash !== '')
    throw new UsageError('--url: expected the address of the server, without ? and #');
  return url;
}

/** @throws UsageError unless the file holds one token, and nothing else */
function readToken(file: string): string {
  const token = readInput(file).toString().trim();
  if (/^[\x21-\x7e]{1,200}$/.test(token)) return token;
  throw new UsageError(`--token: ${file} holds no token: expected one line such as weir_…`);
}

function causeCode(error: unknown): string | undefined {
  const cause = error instanceof UsageError ? error.cause : undefined;
  return (cause as NodeJS.ErrnoException | undefined)?.code;
}
