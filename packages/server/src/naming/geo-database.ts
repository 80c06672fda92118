/** Files in MaxMind's format: which country and which autonomous system an address belongs to. */
import { OptionError } from '@weir/ebpf/errors';
import { nameValue } from '@weir/history/rows';
import { Reader, type Response } from 'mmdb-lib';

/** What such files say of an address, as rows have it. */
export interface GeoDetails {
  /** Two letters. */
  readonly country?: string;
  readonly asn?: number;
  readonly asOrg?: string;
}

/** What a file is wanted for. */
export type GeoKind = 'country' | 'asn';

const geoKinds = ['country', 'asn'] as const satisfies readonly GeoKind[];

/** A file for all that it has. @throws OptionError as {@link GeoDatabase} does */
export function openDatabases(bytes: Buffer, file: string): GeoDatabase[] {
  const refusals: unknown[] = [];
  const databases = geoKinds.flatMap((kind) => {
    try {
      return [new GeoDatabase(bytes, kind, file)];
    } catch (error) {
      refusals.push(error);
      return [];
    }
  });
  if (databases.length > 0) return databases;
  if (refusals[0] instanceof MissingKind)
    throw new OptionError(`${file}: it has neither countries nor autonomous systems`);
  throw refusals[0];
}

/** A file is whole, but for something else. */
class MissingKind extends OptionError {}

type Json = Readonly<Record<string, unknown>>;

/** More characters than any organisation's name has; what is longer is cut. */
const LONGEST_NAME = 128;
const LAST_ASN = 2 ** 32 - 1;
/** Records that are looked at to see what a file has. */
const SAMPLES = 64;
const MOST_STEPS = 20_000;

/** One file. Its records are anybody's: values that make no sense count as none. */
export class GeoDatabase {
  readonly #reader: Reader<Response>;
  readonly #kind: GeoKind;

  /**
   * @param bytes The file, which is kept in memory.
   * @param file Its name in messages.
   * @throws OptionError for another format, or where it has nothing of the kind
   */
  constructor(bytes: Buffer, kind: GeoKind, file: string) {
    this.#kind = kind;
    try {
      this.#reader = new Reader(bytes);
    } catch (error) {
      throw new OptionError(
        `${file}: expected a file in MaxMind's format: ${(error as Error).message.replaceAll(/\s+/g, ' ')}`,
        { cause: error },
      );
    }
    this.#requireKind(file);
  }

  /** What it says of an address. */
  find(address: string): GeoDetails {
    const record = this.#record(address);
    if (record === undefined) return {};
    return this.#kind === 'country' ? countryOf(record) : systemOf(record);
  }

  #record(address: string): Json | undefined {
    try {
      const record: unknown = this.#reader.get(address);
      return isObject(record) ? record : undefined;
    } catch {
      // A damaged place, or an address of IPv6 in a file for IPv4.
      return undefined;
    }
  }

  /** Walks over the beginning of the addresses. */
  #requireKind(file: string): void {
    let found = 0;
    let number = 0;
    for (let step = 0; step < MOST_STEPS && found < SAMPLES && number < 2 ** 32; step++) {
      const address = [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
      let length = 32;
      try {
        const [record, bits] = this.#reader.getWithPrefixLength(address);
        length = Math.min(32, Math.max(1, bits));
        if (record !== null) found++;
      } catch {
        throw new OptionError(`${file}: it is damaged`);
      }
      if (Object.keys(this.find(address)).length > 0) return;
      number += 2 ** (32 - length);
    }
    if (found === 0) return;
    const what = this.#kind === 'country' ? 'countries' : 'autonomous systems';
    const { databaseType } = this.#reader.metadata;
    throw new MissingKind(`${file}: it has no ${what}, its type is ${JSON.stringify(databaseType)}`);
  }
}

/** MaxMind's and DB-IP's records have an object, IPinfo's a text. */
function countryOf(record: Json): GeoDetails {
  const codes = [
    isObject(record.country) ? record.country.iso_code : record.country,
    record.country_code,
    isObject(record.registered_country) ? record.registered_country.iso_code : undefined,
  ];
  const country = codes.find((code) => typeof code === 'string' && /^[A-Za-z]{2}$/.test(code));
  return country === undefined ? {} : { country: (country as string).toUpperCase() };
}

function systemOf(record: Json): GeoDetails {
  const asn = numberOf(record.autonomous_system_number ?? record.asn);
  if (asn === undefined) return {};
  const name = record.autonomous_system_organization ?? record.as_name ?? record.name;
  if (typeof name !== 'string' || name === '') return { asn };
  const text = name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name;
  return { asn, asOrg: nameValue(text.replaceAll(/\p{Surrogate}/gu, '\ufffd')) };
}

/** 64500, or AS64500. */
function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' ? Number(value.replace(/^AS/i, '')) : value;
  return typeof number === 'number' && Number.isInteger(number) && number > 0 && number <= LAST_ASN
    ? number
    : undefined;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
