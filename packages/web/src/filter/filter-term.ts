/** Terms of the filter language out of values, as when a name is clicked. Pure. */

/** The field of the filter language that tests what answers are grouped by. */
const fieldOfGroup: Readonly<Record<string, string>> = {
  process: 'comm',
  executable: 'exe',
  command_line: 'cmd',
  pid: 'pid',
  uid: 'uid',
  unit: 'unit',
  container: 'container',
  namespace: 'namespace',
  peer: 'peer',
  peer_name: 'peer_name',
  peer_group: 'peer_group',
  country: 'country',
  asn: 'asn',
  as_org: 'as_org',
  peer_port: 'pport',
  local: 'local',
  local_port: 'lport',
  port: 'port',
  service: 'service',
  transport: 'transport',
  family: 'type',
  direction: 'dir',
  interface: 'interface',
  netns: 'netns',
  error: 'error',
  closed_by: 'closed_by',
  event: 'event',
  host: 'host',
};

/** The field whose groups are likely values of a field of filters; undefined where there is none. */
export function groupOfField(field: string): string | undefined {
  const other: Readonly<Record<string, string>> = { proc: 'process', addr: 'peer', pod_name: 'pod' };
  return other[field] ?? Object.entries(fieldOfGroup).find(([, name]) => name === field)?.[0];
}

/** A value in a term, in quotes where it could be read as something else. */
export function quoteValue(value: string): string {
  return /^[\w.:/@-]+$/.test(value) ? value : `"${value.replaceAll('"', '\\x22')}"`;
}

/**
 * The term that a value of a group meets. Undefined where the language has none.
 *
 * @param value null: not known
 */
export function filterTerm(group: string, value: string | number | null): string | undefined {
  if (group === 'pod' && typeof value === 'string' && value.includes('/')) {
    const [namespace = '', name = ''] = value.split('/', 2);
    return `namespace=${quoteValue(namespace)} pod_name=${quoteValue(name)}`;
  }
  // An address stands for a peer without a name.
  if (group === 'peer_name' && isAddress(String(value)))
    return `${filterTerm('peer', value)} not peer_name=*`;
  const field = group === 'pod' ? 'pod' : fieldOfGroup[group];
  if (field === undefined) return undefined;
  if (value === null) return `not ${field}=*`;
  // A link-local address has its interface behind it, which the language tests by another field.
  const text = group === 'peer' || group === 'local' ? String(value).replace(/%.*$/, '') : String(value);
  return `${field}=${quoteValue(text)}`;
}

function isAddress(text: string): boolean {
  return /^\d{1,3}(?:\.\d{1,3}){3}$/.test(text) || /^[0-9a-f]*:[0-9a-f:.]*(?:%.*)?$/i.test(text);
}

/** A filter that also wants the terms of a key. */
export function narrowFilter(filter: string, key: Readonly<Record<string, string | number | null>>): string {
  const terms = Object.entries(key)
    .map(([group, value]) => filterTerm(group, value))
    .filter((term) => term !== undefined);
  return joinFilters(filter, ...terms);
}

/** Filters that all have to hold. One with `or` is put in parentheses. */
export function joinFilters(...filters: readonly string[]): string {
  const parts = filters.map((filter) => filter.trim()).filter((filter) => filter !== '');
  const isAlone = parts.length === 1;
  const wrapped = parts.map((part) => (!isAlone && /\bor\b/i.test(part) ? `(${part})` : part));
  return [...new Set(wrapped)].join(' ');
}
