/** Runs `weir doctor` with the flags of its command line. */
import { balancerSupport } from '@weir/balancer';
import { escapeJson } from '@weir/tracer/escape';
import { requestedTypes } from '../btf-file.js';
import { ExitCode } from '../failure.js';
import type { Output } from '../output/output.js';
import type { RunHost } from '../run-host.js';
import { paintFor } from '../text/colour.js';
import type { DoctorFlags } from './doctor-command.js';
import { formatReport } from './report.js';

export async function runDoctor(flags: DoctorFlags, host: RunHost, stdout: Output): Promise<ExitCode> {
  const tracing = await host.loadTracer();
  const btf = await requestedTypes(flags.btf, tracing);
  const report = tracing.inspect({
    ...(btf !== undefined && { btf }),
    ...(flags.btf !== undefined && btf !== 'discover' && { btfPath: flags.btf }),
    ...(flags.offsets && { offsets: true }),
    ...(flags.debug && { logs: true }),
  });
  const paint = paintFor(flags.color, host.stdout.isTTY === true, host.env);
  const balancer = balancerSupport();
  if (flags.json) await stdout.writeData(`${escapeJson(JSON.stringify({ ...report, balancer }, null, 2))}\n`);
  else await stdout.write(formatReport(report, paint, balancer));
  return report.ok ? ExitCode.ok : ExitCode.failed;
}
