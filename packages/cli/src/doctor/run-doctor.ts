/** Runs `weir doctor` with the flags of its command line. */
import { balancerSupport } from '@weir/balancer';
import { escapeJson } from '@weir/tracer/escape';
import { requestedTypes } from '../btf-file.js';
import { ExitCode } from '../failure.js';
import type { Output } from '../output/output.js';
import type { RunHost } from '../run-host.js';
import { noColour, paintFor } from '../text/colour.js';
import type { DoctorFlags } from './doctor-command.js';
import { formatReport } from './report.js';

export async function runDoctor(flags: DoctorFlags, host: RunHost, stdout: Output): Promise<ExitCode> {
  const tracing = await host.loadTracer();
  const btf = await requestedTypes(flags.btf, tracing);
  const report = tracing.inspect({
    ...(btf !== undefined && { btf }),
    ...(flags.btf !== undefined && btf !== 'discover' && { btfPath: flags.btf }),
    ...(flags.offsets && { offsets: true }),
    ...((flags.debug || flags.bundle !== undefined) && { logs: true }),
  });
  if (flags.bundle !== undefined) {
    // Both bring the configurations of balancer and server with them.
    const { bundleFiles, bundlePath, listFiles, packBundle, writeBundle } = await import(
      './doctor-bundle.js'
    );
    const { privateNames } = await import('./host-state.js');
    const value = { ...report, balancer: balancerSupport() };
    const text = formatReport(report, noColour, value.balancer);
    const files = bundleFiles({ text, value }, privateNames(host.env));
    const data = await packBundle(files);
    if (flags.bundle === '-') {
      await stdout.writeData(data);
      host.stderr.write(listFiles('standard output', files));
    } else {
      const path = flags.bundle === true ? bundlePath(new Date()) : flags.bundle;
      writeBundle(path, data);
      await stdout.write(listFiles(path, files));
    }
    return ExitCode.ok;
  }
  const paint = paintFor(flags.color, host.stdout.isTTY === true, host.env);
  const balancer = balancerSupport();
  if (flags.json) await stdout.writeData(`${escapeJson(JSON.stringify({ ...report, balancer }, null, 2))}\n`);
  else await stdout.write(formatReport(report, paint, balancer));
  return report.ok ? ExitCode.ok : ExitCode.failed;
}
