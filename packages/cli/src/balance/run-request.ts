/** Runs a request of `weir balance`. Each command loads only the modules that it needs. */
import type { ExitCode } from '../failure.js';
import type { Output } from '../output/output.js';
import type { RunHost } from '../run-host.js';
import type { BalanceRequest } from './requests.js';

export async function runBalanceRequest(
  request: BalanceRequest,
  host: RunHost,
  stdout: Output,
): Promise<ExitCode> {
  switch (request.command) {
    case 'check':
      return await (await import('./check.js')).check(request.file, request.flags, host, stdout);
    case 'simulate':
      return await (await import('./simulate.js')).simulate(request.file, request.flags, stdout);
    case 'run':
      return await (await import('./run-balancer.js')).run(request.file, request.flags, host);
    case 'apply':
      return await (await import('./change.js')).apply(request.file, request.flags, host, stdout);
    case 'drain':
    case 'undrain':
      return await (await import('./change.js')).drain(request, stdout);
    case 'stop':
      return await (await import('./change.js')).stop(request.flags, stdout);
    case 'detach':
      return await (await import('./change.js')).detach(request.flags, stdout);
    case 'status':
      return await (await import('./status.js')).status(request.flags, host, stdout);
    case 'lookup':
      return await (await import('./lookup.js')).lookup(request, stdout);
    case 'flows':
      return await (await import('./flows.js')).flows(request, host, stdout);
    case 'token-add':
    case 'token-list':
    case 'token-remove':
      return await (await import('./api-tokens.js')).apiTokens(request, host, stdout);
    case 'try':
      return await (await import('./try/run-try.js')).runTry(request.flags, host, stdout);
    case 'decapsulate':
      return await (await import('./decapsulate.js')).decapsulate(request, stdout);
    case 'server-id':
      return await (await import('./server-id.js')).serverId(request, stdout);
    case 'capture':
      return await (await import('./capture.js')).capture(request.flags, host, stdout);
  }
}
