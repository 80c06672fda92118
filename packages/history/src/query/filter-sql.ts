/**
 * Filters as conditions of SQL. A condition is TRUE for exactly the rows for which the filter's predicate holds; for others it is
 * FALSE or NULL. Values are bound, never part of the text. Pure.
 */
import type {
  Comparison,
  Filter,
  FilterColumn,
  FilterField,
  FilterTest,
  FilterValue,
  PatternPart,
  ServicePort,
} from '@weir/tracer/filter';
import { fieldNamed, predicateOver } from '@weir/tracer/filter';
import {
  anywhereEnds,
  anywhereParts,
  anywhereWholes,
  comparable,
  isAddressColumn,
  LINK_LOCAL,
  portsOf,
} from '@weir/tracer/filter/compile';
import { addressRange, ipv4Range } from './address-range.js';
import type { Condition } from './condition.js';
import { isOneWay, neededColumns, neededIds, wholeId } from './filter-needs.js';
import { hostColumns, isHostField, type NamedHost } from './host-names.js';
import { patternSql } from './pattern-sql.js';
import type { BoundValue } from './placeholders.js';
import { duckdbDialect, type SqlDialect, type ValueBinder } from './sql-dialect.js';

/** The expressions by which rows have the columns of filters. NULL is not known; columns that are absent never are. */
export interface FilterSource {
  /** Texts in the form that JSON shows (`escapeName()`), numbers as numbers. */
  readonly columns: { readonly [Name in FilterColumn]?: string };
  /** The addresses as 128 bits, which are compared as unsigned numbers. */
  readonly addresses: { readonly local_address?: string; readonly peer_address?: string };
  /**
   * The column with the number of a host and its boot, and the hosts that there are: names are no column of rows, and are looked up before.
   * Absent: no row is known to be of a host.
   */
  readonly hosts?: { readonly id: string; readonly known: readonly NamedHost[] };
  /** Numbers of 64 bits whose hexadecimal digits are an id, or those before its point: a whole id is found by them, without making texts of all. */
  readonly ids?: { readonly flow_id?: string; readonly connection_id?: string };
}

/** What the meaning of a filter depends on, beside rows. */
export interface FilterSqlOptions {
  /** The ports that have names. Without them, no port has one. */
  readonly services?: Iterable<ServicePort>;
  /** The database's SQL. Default: DuckDB's. */
  readonly dialect?: SqlDialect;
}

/** The condition of a filter. */
export function filterSql(
  filter: Filter,
  source: FilterSource,
  { services = [], dialect = duckdbDialect }: FilterSqlOptions = {},
): Condition {
  const compiler = new SqlCompiler(source, [...services], dialect);
  const sql = compiler.condition(filter);
  const columns = neededColumns(filter);
  const ids = source.ids === undefined ? undefined : neededIds(filter);
  return {
    sql,
    values: compiler.values,
    ...(columns !== undefined && { columns }),
    ...(ids !== undefined && { ids }),
    ...(isOneWay(filter) && { isOneWay: true }),
  };
}

/** Makes a condition of an expression that is not NULL. */
type ValueCondition = (expression: string) => string;

class SqlCompiler {
  readonly #source: FilterSource;
  readonly #services: readonly ServicePort[];
  readonly #dialect: SqlDialect;
  readonly #bound: ValueBinder;

  constructor(source: FilterSource, services: readonly ServicePort[], dialect: SqlDialect) {
    this.#source = source;
    this.#services = services;
    this.#dialect = dialect;
    this.#bound = dialect.binder();
  }

  get values(): readonly BoundValue[] {
    return this.#bound.values;
  }

  condition(filter: Filter): string {
    switch (filter.kind) {
      case 'and':
        return all(filter.of.map((part) => this.condition(part)));
      case 'or':
        return any(filter.of.map((part) => this.condition(part)));
      case 'not':
        // NULL counts as FALSE below, where it would not become TRUE here.
        return `NOT coalesce(${this.condition(filter.of)}, FALSE)`;
      case 'anywhere':
        return this.#anywhere(filter.text);
      case 'test':
        return this.#test(filter);
    }
  }

  #test({ field: name, values }: FilterTest): string {
    const field = fieldNamed(name);
    if (field === undefined) return 'FALSE';
    if (isHostField(field)) return this.#hosts({ kind: 'test', field: name, values });
    return any(values.map((value) => this.#value(field, value)));
  }

  /** Rows of the hosts that meet a test. Their numbers are Weir's own, and may be thousands: they are part of the text. */
  #hosts(test: FilterTest): string {
    const { hosts } = this.#source;
    const isMeant = predicateOver(test, hostColumns);
    const ids = (hosts?.known ?? []).filter((host) => isMeant(host)).map(({ id }) => id);
    return hosts === undefined || ids.length === 0 ? 'FALSE' : this.#dialect.isOneOf(hosts.id, ids);
  }

  #value(field: FilterField, value: FilterValue): string {
    switch (value.kind) {
      case 'word':
        return this.#word(field, value.word);
      case 'service': {
        const wanted = comparable(value.name);
        return any(field.columns.map((column) => this.#named(column, (name) => name === wanted)));
      }
      case 'network':
        return any(field.columns.filter(isAddressColumn).map((column) => this.#network(column, value)));
      case 'present':
        return this.#each(field, (expression) => `${expression} IS NOT NULL`);
      case 'part':
        return all([
          ...this.#wholeId(field, value),
          this.#each(field, (expression) => this.#part(expression, value.text)),
        ]);
      case 'pattern':
        return all([
          ...this.#wholeId(field, value),
          this.#each(field, (expression) => this.#pattern(expression, value.parts)),
        ]);
      case 'range': {
        const { from, to } = value;
        if (from === to)
          return this.#each(field, (expression) => `${expression} = ${this.#bound.number(from)}`);
        const bounds = () => `${this.#bound.number(from)} AND ${this.#bound.number(to)}`;
        return this.#each(field, (expression) => `${expression} BETWEEN ${bounds()}`);
      }
      case 'comparison':
        return this.#each(field, (expression) => this.#comparison(expression, value.operator, value.number));
    }
  }

  /** The condition for one of the field's columns; of an amount, for their sum. */
  #each(field: FilterField, condition: ValueCondition): string {
    const expressions = field.columns.map((column) => this.#source.columns[column]);
    const known = expressions.filter((expression) => expression !== undefined);
    if (field.type !== 'amount') return any(known.map(condition));
    if (known.length < expressions.length) return 'FALSE';
    return condition(known.length === 1 ? known[0]! : `(${known.join(' + ')})`);
  }

  #part(expression: string, text: string): string {
    return this.#dialect.contains(this.#dialect.lower(expression), this.#bound.text(comparable(text)));
  }

  #pattern(expression: string, parts: readonly PatternPart[]): string {
    return patternSql(this.#dialect.lower(expression), parts, this.#bound, this.#dialect);
  }

  /** What only rows can meet whose id a text names as a whole. */
  #wholeId(field: FilterField, value: FilterValue): string[] {
    const { ids = {}, columns: texts } = this.#source;
    const id = wholeId(field, value);
    const isFlow = id?.column === 'flow_ns';
    const number = isFlow ? ids.flow_id : ids.connection_id;
    if (number === undefined || id === undefined || field.columns.some((name) => texts[name] === undefined))
      return [];
    const is = `${number} = ${this.#bound.id(id.value)}`;
    // An id has the first 15 digits of a longer number.
    return [isFlow ? `(${is} OR ${number} >= ${this.#bound.id(2n ** 60n)})` : is];
  }

  #comparison(expression: string, operator: Comparison, number: number): string {
    return `${expression} ${operator} ${this.#bound.number(number)}`;
  }

  #word(field: FilterField, word: string): string {
    const meaning = Object.entries(field.words?.[word] ?? {}) as [FilterColumn, string][];
    if (meaning.length === 0) return 'FALSE';
    return all(
      meaning.map(([column, value]) => {
        const expression = this.#source.columns[column];
        return expression === undefined ? 'FALSE' : `${expression} = ${this.#bound.text(value)}`;
      }),
    );
  }

  #network(
    column: 'local_address' | 'peer_address',
    network: { readonly address: string; readonly bits: number },
  ): string {
    const expression = this.#source.addresses[column];
    if (expression === undefined) return 'FALSE';
    const within = ({ from, to }: { readonly from: bigint; readonly to: bigint }) => {
      const [low, high] = [from, to].map((value) => this.#bound.address(value));
      return `${expression} BETWEEN ${low} AND ${high}`;
    };
    const range = addressRange(network);
    const condition = within(range);
    const hasIpv4 = network.address.includes(':') && range.from <= ipv4Range.from && ipv4Range.to <= range.to;
    return hasIpv4 ? `(${condition} AND NOT (${within(ipv4Range)}))` : condition;
  }

  /** Whether the name of a port meets a condition. */
  #named(column: FilterColumn, meets: (name: string) => boolean): string {
    const { transport, [column]: port } = this.#source.columns;
    if (port === undefined || transport === undefined) return 'FALSE';
    const ports = portsOf(this.#services, (name) => meets(comparable(name)));
    const conditions = (['tcp', 'udp'] as const).flatMap((name) => {
      if (ports[name].size === 0) return [];
      const is = `${transport} = ${this.#bound.text(name)}`;
      return `(${is} AND ${this.#dialect.isIn(port, this.#bound.ports([...ports[name]]))})`;
    });
    return any(conditions);
  }

  #anywhere(text: string): string {
    const { columns } = this.#source;
    const { lower, asText } = this.#dialect;
    const wanted = comparable(text);
    const known = (names: readonly FilterColumn[]) =>
      names.map((name) => columns[name]).filter((expression) => expression !== undefined);
    return any([
      ...known(anywhereParts).map((expression) => this.#part(expression, text)),
      ...known(anywhereWholes).map(
        (expression) => `${lower(asText(expression))} = ${this.#bound.text(wanted)}`,
      ),
      ...anywhereEnds.flatMap((end) => [
        this.#end(end, text),
        this.#named(end.port, (name) => name.includes(wanted)),
      ]),
    ]);
  }

  /** An end as it is shown; see `endText()` of the filters. */
  #end(
    { address: place, port: number, interfaceShown }: (typeof anywhereEnds)[number],
    text: string,
  ): string {
    const { [place]: address, [number]: port, interface: name } = this.#source.columns;
    if (address === undefined || port === undefined) return 'FALSE';
    const { hasPattern, contains, asText } = this.#dialect;
    let shown = address;
    if (name !== undefined) {
      const isShown =
        interfaceShown === 'always'
          ? `${name} IS NOT NULL`
          : `${name} IS NOT NULL AND ${hasPattern(address, LINK_LOCAL)}`;
      shown = `CASE WHEN ${isShown} THEN ${address} || '%' || ${name} ELSE ${address} END`;
    }
    const isIpv6 = contains(address, "':'");
    const whole = `CASE WHEN ${isIpv6} THEN '[' || (${shown}) || ']:' ELSE (${shown}) || ':' END`;
    return this.#part(`(${whole} || ${asText(port)})`, text);
  }
}

function all(conditions: readonly string[]): string {
  if (conditions.length === 0) return 'TRUE';
  return conditions.length === 1 ? conditions[0]! : `(${conditions.join(' AND ')})`;
}

function any(conditions: readonly string[]): string {
  const possible = conditions.filter((condition) => condition !== 'FALSE');
  if (possible.length === 0) return 'FALSE';
  return possible.length === 1 ? possible[0]! : `(${possible.join(' OR ')})`;
}
