/** The meaning of filters, as docs/filter.md has it, without regard to speed. */
import { BlockList, isIPv6 } from 'node:net';
import { escapeName } from '@weir/tracer/escape';
import {
  type Filter,
  type FilterColumn,
  type FilterValue,
  filterFields,
  type ServicePort,
} from '@weir/tracer/filter';
import type { RandomRow } from './random-filters.js';

function lower(text: string): string {
  return [...escapeName(text)]
    .map((character) => {
      if (character === 'İ') return 'i';
      return character.toLowerCase();
    })
    .join('');
}

/** Whether a row meets a filter. */
export function naivelyMeets(filter: Filter, row: RandomRow, services: readonly ServicePort[]): boolean {
  switch (filter.kind) {
    case 'and':
      return filter.of.every((part) => naivelyMeets(part, row, services));
    case 'or':
      return filter.of.some((part) => naivelyMeets(part, row, services));
    case 'not':
      return !naivelyMeets(filter.of, row, services);
    case 'anywhere':
      return occurs(lower(filter.text), row, services);
    case 'test': {
      const field = filterFields.find(({ name }) => name === filter.field)!;
      if (field.type === 'amount') {
        const parts = field.columns.map((column) => row[column]);
        if (parts.includes(undefined)) return false;
        const sum = parts.reduce<number>((total, part) => total + Number(part), 0);
        return filter.values.some((value) => fits(value, sum));
      }
      return filter.values.some((value) => {
        if (value.kind === 'word') {
          return Object.entries(field.words![value.word]!).every(
            ([column, wanted]) => row[column as FilterColumn] === wanted,
          );
        }
        return field.columns.some((column) => {
          if (value.kind === 'service') return serviceNames(row, column, services).includes(value.name);
          if (value.kind === 'network' && column === 'peer_name') return false;
          if (value.kind === 'part' && ['host_label', 'host_boot'].includes(column)) return false;
          return row[column] !== undefined && fits(value, row[column]);
        });
      });
    }
  }
}

function serviceNames(row: RandomRow, column: FilterColumn, services: readonly ServicePort[]): string[] {
  return services
    .filter(({ port, transport }) => port === row[column] && transport === row.transport)
    .map(({ name }) => name.toLowerCase());
}

function fits(value: FilterValue, actual: string | number): boolean {
  switch (value.kind) {
    case 'present':
      return true;
    case 'part':
      return lower(String(actual)).includes(lower(value.text));
    case 'pattern': {
      const source = value.parts.map((part) => {
        if (part.kind === 'literal') return lower(part.text).replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
        return part.kind === 'any' ? '.*' : '.';
      });
      return new RegExp(`^${source.join('')}$`, 'su').test(lower(String(actual)));
    }
    case 'network': {
      const family = isIPv6(value.address) ? 'ipv6' : 'ipv4';
      if (isIPv6(String(actual)) !== (family === 'ipv6')) return false;
      const list = new BlockList();
      if (value.bits === 0) return true;
      list.addSubnet(value.address, value.bits, family);
      return list.check(String(actual), family);
    }
    case 'range':
      return Number(actual) >= value.from && Number(actual) <= value.to;
    case 'comparison': {
      const number = Number(actual);
      if (value.operator.endsWith('=') && number === value.number) return true;
      return value.operator.startsWith('<') ? number < value.number : number > value.number;
    }
    default:
      throw new Error(value.kind);
  }
}

function occurs(wanted: string, row: RandomRow, services: readonly ServicePort[]): boolean {
  const parts = [
    row.comm,
    row.thread,
    row.executable,
    row.command_line,
    row.unit,
    row.container_id,
    row.container_name,
  ];
  parts.push(row.pod_name, row.peer_name, row.state, row.error);
  parts.push(...serviceNames(row, 'local_port', services), ...serviceNames(row, 'peer_port', services));
  const end = (address: unknown, port: unknown, shows: boolean): void => {
    if (address === undefined || port === undefined) return;
    const zone = shows && row.interface !== undefined ? `%${row.interface}` : '';
    parts.push(String(address).includes(':') ? `[${address}${zone}]:${port}` : `${address}${zone}:${port}`);
  };
  end(row.local_address, row.local_port, true);
  end(row.peer_address, row.peer_port, /^(fe[89ab].|ff.[12]):/.test(String(row.peer_address)));
  const wholes = [row.pid, row.transport, row.event];
  return (
    parts.some((text) => text !== undefined && lower(String(text)).includes(wanted)) ||
    wholes.some((text) => text !== undefined && lower(String(text)) === wanted)
  );
}
