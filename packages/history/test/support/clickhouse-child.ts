/**
 * ClickHouse's HTTP interface over its engine in this process (chdb), as far as Weir uses it. Native code of the engine does not share
 * a process with the tests. Arguments: the folder of its data. Its port, and what it was asked, go to the parent as messages.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Session } from 'chdb';

/** What the parent has it do at the next inserts. */
export interface Mischief {
  /** The process dies when the data is there, or when the rows are stored, or in the middle of them. */
  die?: 'before' | 'after' | 'between';
  /** Inserts are answered with this error. */
  error?: { readonly code: number; readonly text: string; times: number };
  /** The connection is closed without an answer when the rows are stored. */
  hangUp?: boolean;
  /** The user and the password that are right. Default: any. */
  login?: string;
}

const [folder = '', port = '0'] = process.argv.slice(2);
const session = new Session(folder, {
  connectionArgs: [
    `--config-file=${join(folder, '..', 'config.xml')}`,
    '--output_format_json_quote_64bit_integers=1',
    // Statements are short here: compiling them takes more time than it saves.
    ...['--compile_expressions=0', '--compile_aggregate_expressions=0', '--compile_sort_description=0'],
  ],
});
let mischief: Mischief = {};
process.on('message', (message: Mischief) => {
  mischief = message;
  process.send?.({ ready: true });
});
process.on('disconnect', () => process.exit());

/** One after another: the engine has one connection. */
let last: Promise<unknown> = Promise.resolve();
let inserts = 0;

interface Asked {
  readonly sql: string;
  readonly body: Buffer;
  readonly parameters: Record<string, string>;
  readonly settings: readonly (readonly [name: string, value: string])[];
  readonly database: string | null;
}

const own = new Set(['query', 'query_id', 'session_id', 'database', 'default_format']);

function readRequest(request: IncomingMessage, body: Buffer): Asked {
  const { searchParams } = new URL(request.url!, 'http://localhost');
  const inUrl = searchParams.get('query');
  const entries = [...searchParams];
  return {
    sql: inUrl ?? body.toString(),
    body: inUrl === null ? Buffer.alloc(0) : body,
    parameters: Object.fromEntries(
      entries.flatMap(([name, value]) =>
        name.startsWith('param_') ? [[name.slice(6), fromTabSeparated(value)]] : [],
      ),
    ),
    settings: entries.filter(([name]) => !name.startsWith('param_') && !own.has(name)),
    database: searchParams.get('database'),
  };
}

/** The interface takes parameters in the form of TabSeparated. */
function fromTabSeparated(text: string): string {
  const known: Record<string, string> = { n: '\n', t: '\t', r: '\r', '0': '\0', b: '\b', f: '\f' };
  return text.replace(/\\(.)/gs, (_, character: string) => known[character] ?? character);
}

/** The engine takes settings of a statement in its text alone, and refuses there what `readonly` refuses elsewhere. */
function withSettings(sql: string, settings: Asked['settings']): string {
  const list = settings.filter(
    ([name]) => name !== 'readonly' && name !== 'cancel_http_readonly_queries_on_client_close',
  );
  const isReadOnly = settings.some(([name, value]) => name === 'readonly' && value !== '0');
  if (isReadOnly && !/^[\s(]*(SELECT|WITH|SHOW|DESC|EXPLAIN|EXISTS|VALUES|FROM)/i.test(sql))
    throw new Error('Code: 164. DB::Exception: Cannot execute query in readonly mode. (READONLY)');
  const format = /\s+FORMAT \w+\s*$/.exec(sql);
  if (!isReadOnly || format === null || list.length === 0 || !/^[\s(]*(SELECT|WITH|FROM)/i.test(sql))
    return sql;
  const text = list
    .map(([name, value]) => `${name} = ${/^[\d.]+$/.test(value) ? value : `'${value}'`}`)
    .join(', ');
  return `${sql.slice(0, format.index)}\nSETTINGS ${text}${format[0]}`;
}

async function run({ sql, body, parameters, settings, database }: Asked): Promise<Uint8Array> {
  if (!/^\s*INSERT/i.test(sql) || body.length === 0) {
    await session.queryAsync(`USE ${database === null ? 'default' : `"${database}"`}`);
    return (
      await session.queryBindAsync(withSettings(sql, settings), parameters, { format: 'TabSeparated' })
    ).bytes();
  }
  const file = join(folder, '..', `insert-${++inserts}`);
  writeFileSync(file, body);
  try {
    const format = /\sFORMAT\s+(\w+)\s*$/i.exec(sql)!;
    const list = settings.map(([name, value]) => `${name} = '${value}'`).join(', ');
    // Data of a request is what a file is here.
    const statement = sql
      .slice(0, format.index)
      .replace(/\binput\('/, `file('${file}', '${format[1]}', '`)
      .replace(/(INSERT INTO [^(]*\([^)]*\))/i, list === '' ? '$1' : `$1 SETTINGS ${list} `);
    if (mischief.die === 'before') process.kill(process.pid, 'SIGKILL');
    if (mischief.error !== undefined && mischief.error.times-- > 0)
      throw new Error(`Code: ${mischief.error.code}. DB::Exception: ${mischief.error.text}`);
    if (mischief.die === 'between') setTimeout(() => process.kill(process.pid, 'SIGKILL'), 15);
    await session.queryAsync(statement);
    if (mischief.die === 'after') process.kill(process.pid, 'SIGKILL');
    return new Uint8Array();
  } finally {
    rmSync(file, { force: true });
  }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch {
    return;
  }
  if (request.url === '/ping') return void response.end('Ok.\n');
  const { authorization = '' } = request.headers;
  const login = Buffer.from(authorization.replace(/^Basic /, ''), 'base64').toString();
  const asked = readRequest(request, Buffer.concat(chunks));
  process.send?.({ sql: asked.sql, settings: asked.settings, login });
  try {
    if (mischief.login !== undefined && login !== mischief.login)
      throw new Error('Code: 516. DB::Exception: Authentication failed (AUTHENTICATION_FAILED)');
    const bytes = await run(asked);
    if (mischief.hangUp === true && /^\s*INSERT/i.test(asked.sql)) return void request.socket.destroy();
    response.setHeader('X-ClickHouse-Summary', '{}');
    response.end(bytes);
  } catch (error) {
    const text = (error as Error).message.replace(/^.*?(?=Code: )/s, '');
    response.statusCode = 500;
    response.setHeader('X-ClickHouse-Exception-Code', /^Code: (\d+)/.exec(text)?.[1] ?? '1001');
    response.end(text);
  }
}

const server = createServer((request, response) => {
  last = last.then(() => answer(request, response));
});
server.listen(Number(port), '127.0.0.1', () =>
  process.send?.({ port: (server.address() as AddressInfo).port }),
);
