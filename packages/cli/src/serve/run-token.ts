/** Adds, lists and removes tokens: runs `weir serve token`. */
import { userInfo } from 'node:os';
import { FormatError, OptionError } from '@weir/ebpf/errors';
import { AuditLog, addToken, checkTokenName, readTokens, removeToken, type ServerPlaces } from '@weir/server';
import { becomeServer, lockServerFiles } from '@weir/server/serve';
import { ExitCode, UsageError } from '../failure.js';
import type { Output } from '../output/output.js';
import type { RunHost } from '../run-host.js';
import type { TokenRequest } from './token-command.js';
import { printTokens, readExpiry } from './token-list.js';

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
  await printTokens(readTokens(tokens), json, stdout);
  return ExitCode.ok;
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
