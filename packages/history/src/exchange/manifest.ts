/** What an exported history says about itself. Pure. */
import { FormatError } from '@weir/ebpf/errors';
import type { TimeRange } from '../store/session.js';

/** The first file of an exported history. */
export const MANIFEST = 'manifest.json';
/** More bytes than a manifest ever has. */
export const MANIFEST_BYTES = 65_536;
const FORMAT = 'weir-history';
const FORMAT_VERSION = 1;

/** What an exported history says about itself. */
export interface Manifest {
  /** Version of the schema of its tables. */
  readonly schema: number;
  /** The range that was exported. Rows from before are there as far as the state at its beginning needs them. */
  readonly range: TimeRange;
}

/** The text of a manifest. */
export function writeManifest({ schema, range }: Manifest): string {
  const fields = {
    format: FORMAT,
    version: FORMAT_VERSION,
    schema,
    from_ns: String(range.from),
    to_ns: String(range.to),
  };
  return `${JSON.stringify(fields, undefined, 2)}\n`;
}

/** @throws FormatError for a text that is no manifest, or one of a later version. */
export function readManifest(text: string): Manifest {
  const fields = parse(text);
  if (fields.format !== FORMAT) throw new FormatError(`${MANIFEST} is not that of an exported history`);
  const { version, schema, from_ns: from, to_ns: to } = fields;
  if (version !== FORMAT_VERSION)
    throw new FormatError(
      `the file has version ${JSON.stringify(version)} of exported histories: use a newer Weir`,
    );
  if (!Number.isInteger(schema) || (schema as number) < 1 || !isTime(from) || !isTime(to))
    throw new FormatError(`${MANIFEST} lacks the version of the schema, or its range`);
  const range = { from: BigInt(from), to: BigInt(to) };
  if (range.from > range.to) throw new FormatError(`${MANIFEST} has a range that ends before it begins`);
  return { schema: schema as number, range };
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    throw new FormatError(`${MANIFEST} is no JSON`);
  }
}

function isTime(value: unknown): value is string {
  if (typeof value !== 'string' || !/^-?\d{1,19}$/.test(value)) return false;
  return BigInt.asIntN(64, BigInt(value)) === BigInt(value);
}
