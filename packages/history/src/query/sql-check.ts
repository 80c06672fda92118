/** Which statements of users are allowed, by their syntax tree: before they are planned, since planning may do things already. */
import type { DuckDBConnection } from '@duckdb/node-api';
import { OptionError } from '@weir/ebpf/errors';
import { syntaxMistake } from './sql-mistake.js';

/** Functions in FROM: others read files, log, make checkpoints, or run further statements. */
const tableFunctions: ReadonlySet<string> = new Set([
  'range',
  'generate_series',
  'unnest',
  'repeat',
  'repeat_row',
]);
/** Functions that do something beside returning a value, or show settings. */
const refusedFunctions: ReadonlySet<string> = new Set([
  ...['write_log', 'nextval', 'currval', 'set_config', 'current_setting', 'getvariable'],
]);
/** Views of the database's own settings, files, views and log: they show paths of the host, and what others ask. */
const refusedTables =
  /^(?:pragma_|duckdb_(?:databases|logs|settings|secrets|views)|pg_(?:settings|views)$|sqlite_(?:master|schema)$)/;

/** @throws OptionError unless it is one statement that reads, with functions that only compute. */
export async function checkSql(connection: DuckDBConnection, sql: string): Promise<void> {
  if (sql.trim() === '') throw new OptionError('sql: expected a statement');
  const reader = await connection.runAndReadAll('SELECT json_serialize_sql($1::VARCHAR)', [sql]);
  const tree = JSON.parse(reader.getRows()[0]![0] as string) as SyntaxTree;
  if (tree.error) throw new OptionError(`sql: ${problem(tree, sql)}`);
  if (tree.statements?.length !== 1) throw new OptionError('sql: expected one statement');
  for (const node of nodesOf(tree.statements)) checkNode(node);
}

interface SyntaxTree {
  readonly error: boolean;
  readonly error_type?: string;
  readonly error_message?: string;
  readonly position?: string;
  readonly statements?: readonly unknown[];
}

type Node = Readonly<Record<string, unknown>>;

function problem(
  { error_type: type, error_message: message = '', position }: SyntaxTree,
  sql: string,
): string {
  if (type === 'not implemented') return 'only one statement that reads is allowed';
  return syntaxMistake(message, sql, position === undefined ? undefined : Number(position));
}

function checkNode(node: Node): void {
  if (node.type === 'TABLE_FUNCTION') {
    const name = functionName(node.function as Node);
    if (!tableFunctions.has(name))
      throw new OptionError(`sql: ${name}() is not allowed in FROM, only ${[...tableFunctions].join(', ')}`);
  } else if (node.type === 'BASE_TABLE') {
    const name = String(node.table_name).toLowerCase();
    const isDefinitions = name === 'views' && String(node.schema_name).toLowerCase() === 'information_schema';
    if (isDefinitions || refusedTables.test(name)) throw new OptionError(`sql: ${name} is not allowed`);
  } else if (typeof node.function_name === 'string' && refusedFunctions.has(functionName(node)))
    throw new OptionError(`sql: ${functionName(node)}() is not allowed`);
}

function functionName(node: Node): string {
  return String(node.function_name).toLowerCase();
}

/** All objects of a tree. */
function* nodesOf(tree: unknown): Generator<Node> {
  const left: unknown[] = [tree];
  while (left.length > 0) {
    const value = left.pop();
    if (typeof value !== 'object' || value === null) continue;
    if (!Array.isArray(value)) yield value as Node;
    // One by one: a call with very many arguments would overflow the stack.
    for (const part of Object.values(value)) left.push(part);
  }
}
