/**
 * Files in which clouds publish their addresses, as users have downloaded them: Amazon's `ip-ranges.json`, Google's `cloud.json` and
 * `goog.json`, Microsoft's `ServiceTags_Public_….json`. Pure.
 */
import { OptionError } from '@weir/ebpf/errors';
import { NAME_RULE, nameProblem } from './group-name.js';
import { addAt } from './prefix-list.js';
import type { PrefixTable } from './prefix-table.js';

/** The name of each range unless the configuration says otherwise. */
export const DEFAULT_CLOUD_NAME = '{provider} {region}';

/** What a cloud says of a range. */
interface CloudRange {
  readonly prefix: unknown;
  readonly provider: string;
  readonly service: unknown;
  readonly region: unknown;
  /** Its place in the file, for messages. */
  readonly place: string;
  /** Whether a smaller part of the cloud may have the same range, whose name then counts. */
  readonly isWhole: boolean;
}

type Json = Readonly<Record<string, unknown>>;

/**
 * Adds the ranges of a file.
 *
 * @param template The name, with `{provider}`, `{service}` and `{region}`. What a range does not have is left out.
 * @param file Its name in messages.
 * @returns Number of ranges.
 * @throws OptionError for another format, and for what is no prefix
 */
export function addCloudRanges(table: PrefixTable, text: string, template: string, file: string): number {
  const ranges = rangesOf(parse(text, file));
  if (ranges === undefined)
    throw new OptionError(
      `${file}: expected Amazon's ip-ranges.json, Google's cloud.json or Microsoft's ServiceTags_Public.json`,
    );
  if (ranges.length === 0) throw new OptionError(`${file}: it has no ranges`);
  for (const isWhole of [false, true]) {
    for (const range of ranges) {
      if (range.isWhole !== isWhole) continue;
      const place = `${file}: ${range.place}`;
      if (typeof range.prefix !== 'string') throw new OptionError(`${place} has no prefix`);
      const name = nameOf(template, range);
      if (nameProblem(name)) throw new OptionError(`${place}: ${NAME_RULE}`);
      addAt(table, range.prefix, name, place);
    }
  }
  return ranges.length;
}

function parse(text: string, file: string): Json {
  try {
    const value: unknown = JSON.parse(text.replace(/^\ufeff/, ''));
    return isObject(value) ? value : {};
  } catch (error) {
    throw new OptionError(`${file}: ${(error as Error).message.replaceAll(/\s+/g, ' ')}`, { cause: error });
  }
}

function rangesOf(json: Json): CloudRange[] | undefined {
  if (Array.isArray(json.values)) return microsoftRanges(json.values);
  if (!Array.isArray(json.prefixes)) return undefined;
  const prefixes = json.prefixes.map((each) => (isObject(each) ? each : {}));
  const ipv6 = Array.isArray(json.ipv6_prefixes) ? json.ipv6_prefixes : [];
  if (prefixes.some((each) => 'ipv4Prefix' in each || 'ipv6Prefix' in each)) return googleRanges(prefixes);
  if (!prefixes.some((each) => 'ip_prefix' in each)) return prefixes.length === 0 ? [] : undefined;
  return [
    ...amazonRanges(prefixes, 'prefixes', 'ip_prefix'),
    ...amazonRanges(
      ipv6.map((each) => (isObject(each) ? each : {})),
      'ipv6_prefixes',
      'ipv6_prefix',
    ),
  ];
}

/** Each range is there for AMAZON, too. */
function amazonRanges(list: readonly Json[], key: string, prefix: string): CloudRange[] {
  return list.map((each, index) => ({
    prefix: each[prefix],
    provider: 'aws',
    service: each.service,
    region: each.region,
    place: `${key}[${index}]`,
    isWhole: each.service === 'AMAZON',
  }));
}

function googleRanges(list: readonly Json[]): CloudRange[] {
  return list.map((each, index) => ({
    prefix: each.ipv4Prefix ?? each.ipv6Prefix,
    provider: 'gcp',
    // All of them are "Google Cloud".
    service: undefined,
    region: each.scope,
    place: `prefixes[${index}]`,
    isWhole: false,
  }));
}

/** Services have names such as `Storage.WestEurope`; `AzureCloud` has all that others have. */
function microsoftRanges(list: readonly unknown[]): CloudRange[] {
  return list.flatMap((value, index) => {
    const { name, properties } = isObject(value) ? value : ({} as Json);
    const { addressPrefixes, region, systemService } = isObject(properties) ? properties : ({} as Json);
    const tag = typeof name === 'string' ? name.split('.', 1)[0]! : '';
    const service = systemService === '' || systemService === undefined ? tag : systemService;
    const prefixes = Array.isArray(addressPrefixes) ? addressPrefixes : [undefined];
    return prefixes.map((prefix, at) => ({
      ...{ prefix, provider: 'azure', service, region },
      place: `values[${index}].properties.addressPrefixes[${at}]`,
      isWhole: tag === 'AzureCloud',
    }));
  });
}

function nameOf(template: string, range: CloudRange): string {
  const text = template.replaceAll(/\{(provider|service|region)\}/g, (_, key: keyof CloudRange) => {
    const value = range[key];
    return typeof value === 'string' ? value : '';
  });
  return text.replaceAll(/\s+/g, ' ').trim();
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
