/** `weir balance simulate`. */
import { type Config, vipOf } from '@weir/balancer/config';
import { type Simulated, Simulator } from '@weir/balancer/control';
import { decodeFrame, readPackets } from '@weir/balancer/packets';
import { escapeJson } from '@weir/tracer/escape';
import { ExitCode } from '../failure.js';
import type { Output } from '../output/output.js';
import { readConfigFile } from './config-file.js';
import { frameLines } from './headers.js';
import { choiceText } from './labels.js';
import { packetsOf } from './packet-argument.js';
import type { SimulateFlags } from './requests.js';

/** @throws UsageError; the errors of loading the program */
export async function simulate(file: string, flags: SimulateFlags, stdout: Output): Promise<ExitCode> {
  const config = readConfigFile(file);
  const packets = flags.packet.flatMap((text) => packetsOf(text, readPackets));
  using simulator = new Simulator(config);
  for (const [index, { bytes, length }] of packets.entries()) {
    const outcome = simulator.run(bytes, length);
    if (flags.json === true) await stdout.writeData(jsonLine(index + 1, outcome, config));
    else await stdout.write(text(index + 1, outcome, config));
    if (stdout.broken) break;
  }
  return ExitCode.ok;
}

function text(number: number, outcome: Simulated, config: Config): string {
  const port = guePort(config);
  const lines = [
    `packet ${number}: ${outcome.verdict}, ${choiceText(config, outcome)}`,
    ...frameLines('in', decodeFrame(outcome.given, port)),
    ...(outcome.verdict === 'tx' ? frameLines('out', decodeFrame(outcome.frame, port)) : []),
  ];
  return `${lines.join('\n')}\n`;
}

function jsonLine(packet: number, outcome: Simulated, config: Config): string {
  const { verdict, reason, service, real, given, frame } = outcome;
  const shown = (bytes: Uint8Array) => ({
    bytes: Buffer.from(bytes).toString('hex'),
    layers: decodeFrame(bytes, guePort(config)),
  });
  const vip = service && vipOf(config, service);
  return `${escapeJson(
    JSON.stringify({
      packet,
      verdict,
      reason,
      vip: vip?.name,
      service,
      real,
      in: shown(given),
      out: verdict === 'tx' ? shown(frame) : undefined,
    }),
  )}\n`;
}

function guePort({ encapsulation }: Config): number | undefined {
  return typeof encapsulation === 'string' ? undefined : encapsulation.gue.port;
}
