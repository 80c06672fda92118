/** Observations in a file: what discovery saw on a kernel, and where that kernel really keeps its fields. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Image } from '../../src/discovery/image.js';
import type { Observation, Observations, PointerObservation } from '../../src/discovery/observations.js';

/** The content of a file. */
export interface Recording {
  /** uname -r */
  readonly kernel: string;
  readonly observations: Observations;
  /** By the fields' names. */
  readonly offsets: Readonly<Record<string, number>>;
}

/** This package's `test/fixtures`, seen from `dist/test/support`. */
export const fixtures = fileURLToPath(new URL('../../../test/fixtures/', import.meta.url));

/** JSON has neither big integers, bytes, images nor maps. */
function toJson(this: unknown, _key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return { bigint: String(value) };
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('base64') };
  if (value instanceof Map) return { map: [...value] };
  if (value instanceof Image) {
    const { address, bytes, readable } = value;
    return { image: [String(address), Buffer.from(bytes).toString('base64'), readable] };
  }
  return value;
}

function fromJson(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if ('bigint' in value) return BigInt(value.bigint as string);
  if ('bytes' in value) return new Uint8Array(Buffer.from(value.bytes as string, 'base64'));
  if ('map' in value) return new Map(value.map as [unknown, unknown][]);
  if ('image' in value && Array.isArray(value.image)) {
    const [address, bytes, readable] = value.image as [string, string, boolean[]];
    return new Image(BigInt(address), new Uint8Array(Buffer.from(bytes, 'base64')), readable);
  }
  return value;
}

/** An image of memory beyond any struct, which need not be kept. */
function shortened({ address, bytes, readable }: Image, chunks: number): Image {
  return new Image(address, bytes.slice(0, chunks * 256), readable.slice(0, chunks));
}

/** Writes the parts of a recording that tests need. @param chunks Chunks of 256 bytes to keep of every socket. */
export function writeRecording(path: string, recording: Recording, chunks = 10): void {
  const { images, pointers, tasks, taskCopies } = recording.observations;
  const observations: Observations = {
    tasks,
    taskCopies: new Map([...taskCopies].map(([address, image]) => [address, shortened(image, 1)])),
    images: images.map((seen): Observation => ({ ...seen, image: shortened(seen.image, chunks) })),
    pointers: pointers.map(
      (seen): PointerObservation => ({
        ...seen,
        image: shortened(seen.image, chunks),
        copies: new Map([...seen.copies].map(([address, image]) => [address, shortened(image, 2)])),
      }),
    ),
  };
  writeFileSync(path, gzipSync(JSON.stringify({ ...recording, observations }, toJson), { level: 9 }));
}

export function readRecording(path: string): Recording {
  return JSON.parse(gunzipSync(readFileSync(path)).toString('utf8'), fromJson) as Recording;
}
