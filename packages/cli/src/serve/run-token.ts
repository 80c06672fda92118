/** Adds, lists and removes tokens: runs `weir serve token`. */
import { userInfo } from 'node:os';
import { parseAge } from '@weir/config';
import { FormatError, OptionError } from '@weir/ebpf/errors';
import { parseTime, systemZone } from '@weir/history/query';
import { AuditLog, addToken, checkTokenName, readTokens, removeToken, type ServerPlaces } from '@weir/server';
import { becomeServer, lockServerFiles } from '@weir/server/serve';
import { ExitCode, UsageError } from '../failure.js';
import type { Output } from '../output/output.js';
import { jsonLine, table } from '../query/forms.js';
import type { RunHost } from '../run-host.js';
import type { TokenRequest } from './token-command.js';

/** @throws UsageError for a name that is in use or unknown, and for a folder that this user may not use */
export async function runToken(request: TokenRequest, host: RunHost, stdout: Output): Promise<ExitCode> {
  const user = callerName(host.env);
  const expires =
    request.command === 'token-add' && request.expires !== undefined
      ? readExpiry(request.expires)
      : undefined;
  try {
    const { folder = '/var/lib/weir', user: serverUser } = request.flags;
    if (request.command === 'token-add') checkTokenName(request.name);
    const places = becomeServer(folder, {
      make: request.command === 'token-add',
      ...(serverUser !== undefined && { user: serverUser }),
    });
    if (request.command === 'token-list') return await list(places, request.json, stdout);
    using _lock = await lockServerFiles(folder);
    // It is for the server to begin another file when this one is long.
    const problem = (line: string) => host.stderr.write(`weir: ${line}\n`);
    using audit = new AuditLog(places.audit, problem, Number.POSITIVE_INFINITY);
    if (request.command === 'token-remove') {
      removeToken(places.tokens, request.name);
      audit.add({ event: 'token_removed', principal: user, detail: request.name });
      return ExitCode.ok;
    }
    const { name, role } = request;
    const token = addToken(places.tokens, { name, role, ...(expires !== undefined && { expires }) });
    audit.add({ event: 'token_added', principal: user, detail: `${name} (${role})` });
    await stdout.writeData(`${token}\n`);
    host.stderr.write(`weir: this is the only time that the token of ${name} is shown\n`);
    return ExitCode.ok;
  } catch (error) {
    if (error instanceof OptionError || error instanceof FormatError)
      throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

async function list({ tokens }: ServerPlaces, json: boolean, stdout: Output): Promise<ExitCode> {
  const rows = readTokens(tokens).map(({ sha256, ...token }) => token);
  if (json) await stdout.writeData(rows.map(jsonLine).join(''));
  else
    await stdout.write(
      table(
        [
          { title: 'NAME', text: ({ name }) => name },
          { title: 'ROLE', text: ({ role }) => role },
          { title: 'CREATED', text: ({ created }) => created.slice(0, 10) },
          { title: 'EXPIRES', text: ({ expires }) => expiryText(expires) },
        ],
        rows,
      ),
    );
  return ExitCode.ok;
}

function expiryText(expires: string | undefined): string {
  if (expires === undefined) return 'never';
  return `${expires.slice(0, 16).replace('T', ' ')}Z${Date.parse(expires) <= Date.now() ? ' (has expired)' : ''}`;
}

/** The name for the audit log; with sudo, both users. */
function callerName({ SUDO_USER: sudoUser }: NodeJS.ProcessEnv): string {
  const name = nameOfUser();
  return sudoUser === undefined || sudoUser === '' ? name : `${sudoUser} as ${name}`;
}

/** Users in containers may have no name. */
function nameOfUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.()}`;
  }
}

/** An age such as 90d from now, or a time. @returns milliseconds since 1970 */
function readExpiry(text: string): number {
  const now = Date.now();
  if (/^\d+(?:\.\d+)?[mhdwy]$/.test(text)) return now + checked(() => parseAge(text));
  const at = checked(() => parseTime(text, { now: BigInt(now) * 1_000_000n, zone: systemZone() }));
  const ms = Number(at / 1_000_000n);
  if (ms <= now) throw new UsageError(`--expires: ${JSON.stringify(text)} has passed`);
  return ms;
}

function checked<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    throw new UsageError(`--expires: ${error.message}`, { cause: error });
  }
}
