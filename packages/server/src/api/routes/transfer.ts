/** A range as one file, out and in. */
import { createWriteStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import { FormatError } from '@weir/ebpf/errors';
import { ProblemError } from '@weir/http/api';
import { z } from 'zod';
import { type Route, route } from '../route.js';
import { rangeJsonOf } from '../row-json.js';
import { filteredParameters, filterOf, numberText, rangeOf, rangeParameters } from '../schemas/parameters.js';
import { rangeJson } from '../schemas/values.js';
import type { RouteServices } from '../services.js';

const TAR = 'application/x-tar';
const PARQUET = 'application/vnd.apache.parquet';
const MAX_IMPORT_BYTES = 4_000_000_000;
/** A month of a busy host takes minutes to write. */
const EXPORT_MS = 600_000;

/** Routes for exported files. */
export function transferRoutes(services: RouteServices): Route[] {
  return [exportRoute(), parquetRoute(services), importRoute(services)];
}

function exportRoute(): Route {
  return route({
    method: 'get',
    path: '/export',
    summary: 'A range as one file, which can be asked elsewhere.',
    role: 'read',
    isQuery: true,
    query: z.strictObject(rangeParameters),
    timeMs: EXPORT_MS,
    answerType: TAR,
    handle: async ({ history, query, signal }) => {
      if (history.exportRange === undefined)
        throw new ProblemError(
          'unavailable',
          'this history exports no files: ask for `parquet`, or a host for an `export` of its own',
        );
      const range = rangeOf(query);
      const file = await history.exportRange(range, { signal });
      const day = rangeJsonOf(range).from.slice(0, 10);
      return new Response(Readable.toWeb(Readable.from(file)) as ReadableStream, {
        headers: {
          'content-type': TAR,
          'content-disposition': `attachment; filename="weir-${day}.tar"`,
          'cache-control': 'no-store',
        },
      });
    },
  });
}

function parquetRoute({ temporaryFolder }: RouteServices): Route {
  return route({
    method: 'get',
    path: '/parquet',
    summary: 'Connections of a range as a file in Parquet; the header weir-rows says how many.',
    role: 'read',
    isQuery: true,
    query: z.strictObject({
      ...filteredParameters,
      limit: numberText(1, 999_999_999)
        .exactOptional()
        .describe('At most so many, the newest. Default: all.'),
    }),
    timeMs: EXPORT_MS,
    answerType: PARQUET,
    handle: async ({ history, query, signal }) => {
      if (history.parquet === undefined) throw new ProblemError('unavailable', 'it writes no Parquet');
      const folder = await mkdtemp(join(temporaryFolder, 'parquet-'));
      try {
        const path = join(folder, 'connections.parquet');
        const limit = query.limit === undefined ? {} : { limit: query.limit };
        const asked = { range: rangeOf(query), file: path, signal, ...limit, ...filterOf(query) };
        const { result: rows } = await history.parquet(asked);
        const file = await open(path);
        const { size } = await file.stat();
        return new Response(Readable.toWeb(file.createReadStream()) as ReadableStream, {
          headers: {
            'content-type': PARQUET,
            'content-length': String(size),
            'content-disposition': 'attachment; filename="connections.parquet"',
            'cache-control': 'no-store',
            'weir-rows': String(rows),
          },
        });
      } finally {
        // What is open can be read to its end.
        await rm(folder, { recursive: true, force: true });
      }
    },
  });
}

function importRoute({ imports, temporaryFolder }: RouteServices): Route {
  return route({
    method: 'post',
    path: '/import',
    summary: 'Opens an exported file, the body, beside the history; `source` asks it.',
    role: 'admin',
    answer: z.strictObject({
      source: z.string().describe('Its id. It is closed when it was not asked for an hour.'),
      range: rangeJson,
    }),
    handle: async ({ request, signal }) => {
      if (imports === undefined) throw new ProblemError('unavailable', 'it imports no files');
      const folder = await mkdtemp(join(temporaryFolder, 'import-'));
      try {
        const path = join(folder, 'import.tar');
        await receive(request, path, signal);
        const { id, range } = await imports.add(path);
        return { source: id, range: rangeJsonOf(range) };
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        const message = error.message.replaceAll(folder, '').replace(/^\/import\.tar:? ?/, '');
        throw new ProblemError('request', `the file cannot be opened: ${message}`, {}, { cause: error });
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  });
}

async function receive(request: Request, path: string, signal: AbortSignal): Promise<void> {
  if (request.body === null) throw new ProblemError('request', 'the body must be an exported file');
  let bytes = 0;
  await pipeline(
    Readable.fromWeb(request.body as NodeReadableStream),
    async function* (pieces: AsyncIterable<Uint8Array>) {
      for await (const piece of pieces) {
        bytes += piece.length;
        if (bytes > MAX_IMPORT_BYTES)
          throw new ProblemError('too-long', `the file may have ${MAX_IMPORT_BYTES} bytes at most`);
        yield piece;
      }
    },
    createWriteStream(path, { mode: 0o600, flags: 'wx' }),
    { signal },
  );
}
