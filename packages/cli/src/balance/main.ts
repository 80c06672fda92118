/** From a request to its answer. What only one command needs is loaded by it alone. */
import type { ExitCode } from '../failure.js';
import type { Output } from '../output.js';
import type { BalanceRequest } from './requests.js';

export async function balance(request: BalanceRequest, stdout: Output): Promise<ExitCode> {
  switch (request.command) {
    case 'check':
      return (await import('./check.js')).check(request.file, request.flags, stdout);
    case 'simulate':
      return (await import('./simulate.js')).simulate(request.file, request.flags, stdout);
  }
}
