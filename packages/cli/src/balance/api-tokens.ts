/** `weir balance token`. */

import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { balancerRoles, DEFAULT_TOKENS } from '@weir/balancer/api';
import { claimFolder } from '@weir/balancer/control';
import { FormatError, OptionError } from '@weir/ebpf/errors';
import { addTokenTo, lockTokens, readTokenFile, removeTokenFrom } from '@weir/http/auth';
import { ExitCode, UsageError } from '../failure.js';
import type { Output } from '../output/output.js';
import type { RunHost } from '../run-host.js';
import { printTokens, readExpiry } from '../serve/token-list.js';
import type { TokenRequest } from './requests.js';

/** @throws UsageError for a name that is in use or unknown, and for a file that cannot be used */
export async function apiTokens(
  request: TokenRequest,
  host: Pick<RunHost, 'stderr'>,
  stdout: Output,
): Promise<ExitCode> {
  const { file = DEFAULT_TOKENS } = request.flags;
  try {
    switch (request.command) {
      case 'token-list':
        await printTokens(readTokenFile(file, balancerRoles), request.flags.json === true, stdout);
        break;
      case 'token-remove': {
        using _lock = existsSync(dirname(file)) ? await lockTokens(dirname(file)) : undefined;
        removeTokenFrom(file, balancerRoles, request.name);
        break;
      }
      case 'token-add': {
        const { name, flags } = request;
        const expires = flags.expires === undefined ? undefined : readExpiry(flags.expires);
        claimFolder(dirname(file), 0o755);
        using _lock = await lockTokens(dirname(file));
        const wanted = { name, role: flags.role, ...(expires !== undefined && { expires }) };
        await stdout.writeData(`${addTokenTo(file, balancerRoles, wanted)}\n`);
        host.stderr.write(`weir: this is the only time that the token of ${name} is shown\n`);
      }
    }
    return ExitCode.ok;
  } catch (error) {
    throw explained(error, file);
  }
}

function explained(error: unknown, file: string): unknown {
  if (error instanceof OptionError || error instanceof FormatError)
    return new UsageError(error.message, { cause: error });
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) return error;
  const advice = code === 'EACCES' || code === 'EPERM' ? ': it belongs to root' : '';
  return new UsageError(`${file}: ${message.split('\n', 1)[0]}${advice}`, { cause: error });
}
