/** Answers requests for files of the page. */
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import type { PageFile, PageFiles } from './page-files.js';

/** Seconds for which a file that never changes is kept: a year. */
const FIXED_AGE = 31_536_000;
/** A smaller file does not get smaller by enough to be worth it. */
const LEAST_COMPRESSED = 1024;

/** Answers a request for a file. Undefined where there is none. */
export type Page = (path: string, headers: Headers) => Response | Promise<Response> | undefined;

/** The page that consists of some files. Each is compressed when it is asked for first. */
export function pageOf(files: PageFiles): Page {
  const compressed = new Map<PageFile, Promise<Uint8Array<ArrayBuffer>>>();
  return (path, headers) => {
    const file = files.get(path);
    if (file === undefined) return undefined;
    return respond(file, headers, () => {
      const known = compressed.get(file) ?? compress(file.bytes);
      compressed.set(file, known);
      return known;
    });
  };
}

async function respond(
  file: PageFile,
  asked: Headers,
  compressed: () => Promise<Uint8Array<ArrayBuffer>>,
): Promise<Response> {
  const { bytes, type, etag, isFixed } = file;
  const headers = {
    etag,
    vary: 'accept-encoding',
    'cache-control': isFixed ? `public, max-age=${FIXED_AGE}, immutable` : 'no-cache',
  };
  if (matches(asked.get('if-none-match'), etag)) return new Response(null, { status: 304, headers });
  if (bytes.length < LEAST_COMPRESSED || !acceptsGzip(asked.get('accept-encoding')))
    return new Response(bytes, { headers: { ...headers, 'content-type': type } });
  return new Response(await compressed(), {
    headers: { ...headers, 'content-type': type, 'content-encoding': 'gzip' },
  });
}

function matches(wanted: string | null, etag: string): boolean {
  if (wanted === null) return false;
  // A proxy that compresses makes it a weak one.
  return wanted.split(',').some((each) => each.trim().replace(/^W\//, '') === etag || each.trim() === '*');
}

function acceptsGzip(accepted: string | null): boolean {
  return (accepted ?? '').split(',').some((each) => {
    const [name = '', ...parameters] = each.split(';').map((part) => part.trim().toLowerCase());
    return name === 'gzip' && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}

const deflate = promisify(gzip);

async function compress(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await deflate(bytes, { level: constants.Z_BEST_COMPRESSION }));
}
