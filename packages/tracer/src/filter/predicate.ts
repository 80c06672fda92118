/** Filters as functions. */
import { anywhereEnds, anywhereParts, anywhereWholes, endText } from './anywhere.js';
import { type FilterColumn, isAddressColumn } from './filter-columns.js';
import { type FilterField, fieldNamed } from './filter-fields.js';
import { networkTest } from './networks.js';
import { portsOf, type ServicePort } from './service-ports.js';
import { comparable, partTest, patternTest } from './text-match.js';
import type { Comparison, Filter, FilterTest, FilterValue } from './tree.js';

/** A row's value of a column; undefined where it is not known. */
export type ColumnReader<Row, Context> = (row: Row, context: Context) => string | number | undefined;

/** How a kind of rows has its columns. Columns that are absent are not known of any row. */
export type ColumnReaders<Row, Context> = {
  readonly [Name in FilterColumn]?: ColumnReader<Row, Context>;
};

/** What the meaning of a filter depends on, beside rows. */
export interface PredicateOptions {
  /** The ports that have names. Without them, no port has one. */
  readonly services?: Iterable<ServicePort>;
}

/** Whether a row meets a filter. */
export type Predicate<Row, Context> = (row: Row, context: Context) => boolean;

/** Compiles a filter to a function of rows of any kind. */
export function predicateOver<Row, Context>(
  filter: Filter,
  readers: ColumnReaders<Row, Context>,
  options: PredicateOptions = {},
): Predicate<Row, Context> {
  return new Compiler(readers, options.services ?? []).compile(filter);
}

/** The columns in which a value may be. */
function columnsFor({ columns, wholes = [] }: FilterField, { kind }: FilterValue): readonly FilterColumn[] {
  if (kind === 'network') return columns.filter(isAddressColumn);
  return kind === 'part' ? columns.filter((column) => !wholes.includes(column)) : columns;
}

type ValueTest = (value: string | number) => boolean;

class Compiler<Row, Context> {
  readonly #readers: ColumnReaders<Row, Context>;
  readonly #services: Iterable<ServicePort>;

  constructor(readers: ColumnReaders<Row, Context>, services: Iterable<ServicePort>) {
    this.#readers = readers;
    this.#services = services;
  }

  compile(filter: Filter): Predicate<Row, Context> {
    switch (filter.kind) {
      case 'and':
        return every(filter.of.map((part) => this.compile(part)));
      case 'or':
        return some(filter.of.map((part) => this.compile(part)));
      case 'not': {
        const of = this.compile(filter.of);
        return (row, context) => !of(row, context);
      }
      case 'anywhere':
        return this.#anywhere(filter.text);
      case 'test':
        return this.#test(filter);
    }
  }

  #test({ field: name, values }: FilterTest): Predicate<Row, Context> {
    const field = fieldNamed(name);
    if (field === undefined) return () => false;
    return some(values.map((value) => this.#value(field, value)));
  }

  #value(field: FilterField, value: FilterValue): Predicate<Row, Context> {
    if (value.kind === 'word') return this.#word(field, value.word);
    if (value.kind === 'service') return this.#service(field, comparable(value.name));
    const test = valueTest(value);
    if (field.type === 'amount') {
      const sum = this.#sum(field.columns);
      return (row, context) => {
        const amount = sum(row, context);
        return amount !== undefined && test(amount);
      };
    }
    return some(columnsFor(field, value).map((column) => this.#column(column, test)));
  }

  #column(name: FilterColumn, test: ValueTest): Predicate<Row, Context> {
    const read = this.#readers[name];
    if (read === undefined) return () => false;
    return (row, context) => {
      const value = read(row, context);
      return value !== undefined && test(value);
    };
  }

  /** A sum is known where all of it is. */
  #sum(columns: readonly FilterColumn[]): (row: Row, context: Context) => number | undefined {
    const readers = columns.map((name) => this.#readers[name]);
    const [first, second] = readers;
    if (first === undefined || readers.includes(undefined)) return () => undefined;
    if (second === undefined) return (row, context) => first(row, context) as number | undefined;
    return (row, context) => {
      const one = first(row, context);
      const other = second(row, context);
      return one === undefined || other === undefined ? undefined : Number(one) + Number(other);
    };
  }

  #word(field: FilterField, word: string): Predicate<Row, Context> {
    const meaning = field.words?.[word];
    if (meaning === undefined) return () => false;
    const conditions = Object.entries(meaning) as [FilterColumn, string][];
    return every(conditions.map(([column, wanted]) => this.#column(column, (value) => value === wanted)));
  }

  #service(field: FilterField, name: string): Predicate<Row, Context> {
    return some(field.columns.map((column) => this.#named(column, (service) => service === name)));
  }

  /** Whether the name of a port meets a condition. */
  #named(column: FilterColumn, meets: (name: string) => boolean): Predicate<Row, Context> {
    const readPort = this.#readers[column];
    const readTransport = this.#readers.transport;
    const ports = portsOf(this.#services, (name) => meets(comparable(name)));
    if (readPort === undefined || readTransport === undefined) return () => false;
    if (ports.tcp.size + ports.udp.size === 0) return () => false;
    return (row, context) => {
      const port = readPort(row, context);
      const transport = readTransport(row, context);
      if (port === undefined || (transport !== 'tcp' && transport !== 'udp')) return false;
      return ports[transport].has(port as number);
    };
  }

  #anywhere(text: string): Predicate<Row, Context> {
    const wanted = comparable(text);
    const hasPart = partTest(text);
    const isWhole: ValueTest = (value) => comparable(String(value)) === wanted;
    return some([
      ...anywhereParts.map((column) => this.#column(column, (value) => hasPart(String(value)))),
      ...anywhereWholes.map((column) => this.#column(column, isWhole)),
      ...anywhereEnds.flatMap((end) => [
        this.#end(end, hasPart),
        this.#named(end.port, (name) => name.includes(wanted)),
      ]),
    ]);
  }

  #end(
    { address, port, interfaceShown }: (typeof anywhereEnds)[number],
    test: (text: string) => boolean,
  ): Predicate<Row, Context> {
    const readAddress = this.#readers[address];
    const readPort = this.#readers[port];
    const readInterface = this.#readers.interface;
    if (readAddress === undefined || readPort === undefined) return () => false;
    return (row, context) => {
      const place = readAddress(row, context);
      const number = readPort(row, context);
      if (place === undefined || number === undefined) return false;
      const name = readInterface?.(row, context) as string | undefined;
      return test(endText(place as string, number as number, name, interfaceShown));
    };
  }
}

/** Whether a value of a column is what is looked for. */
function valueTest(value: Exclude<FilterValue, { kind: 'word' | 'service' }>): ValueTest {
  switch (value.kind) {
    case 'present':
      return () => true;
    case 'part':
      return onText(partTest(value.text));
    case 'pattern':
      return onText(patternTest(value.parts));
    case 'network':
      return onText(networkTest(value));
    case 'range': {
      const { from, to } = value;
      return (number) => (number as number) >= from && (number as number) <= to;
    }
    case 'comparison':
      return comparisonTest(value.operator, value.number);
  }
}

function onText(test: (text: string) => boolean): ValueTest {
  return (value) => test(String(value));
}

function comparisonTest(operator: Comparison, limit: number): ValueTest {
  switch (operator) {
    case '<':
      return (number) => (number as number) < limit;
    case '<=':
      return (number) => (number as number) <= limit;
    case '>':
      return (number) => (number as number) > limit;
    case '>=':
      return (number) => (number as number) >= limit;
  }
}

function every<Row, Context>(tests: readonly Predicate<Row, Context>[]): Predicate<Row, Context> {
  const [first, second] = tests;
  if (first === undefined) return () => true;
  if (second === undefined) return first;
  if (tests.length === 2) return (row, context) => first(row, context) && second(row, context);
  return (row, context) => {
    for (const test of tests) if (!test(row, context)) return false;
    return true;
  };
}

function some<Row, Context>(tests: readonly Predicate<Row, Context>[]): Predicate<Row, Context> {
  const [first, second] = tests;
  if (first === undefined) return () => false;
  if (second === undefined) return first;
  if (tests.length === 2) return (row, context) => first(row, context) || second(row, context);
  return (row, context) => {
    for (const test of tests) if (test(row, context)) return true;
    return false;
  };
}
