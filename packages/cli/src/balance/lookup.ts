/** `weir balance lookup`. */

import { isIPv6 } from 'node:net';
import type { NamedExplanation } from '@weir/balancer/control';
import { reasonText } from '@weir/balancer/reasons';
import { escapeJson } from '@weir/tracer/escape';
import { ExitCode, UsageError } from '../failure.js';
import type { Output } from '../output/output.js';
import { escapeText } from '../text/escape.js';
import { realLabel } from './labels.js';
import type { BalanceRequest } from './requests.js';
import { ask } from './running-balancer.js';

export async function lookup(
  { source, destination, flags }: Extract<BalanceRequest, { readonly command: 'lookup' }>,
  stdout: Output,
): Promise<ExitCode> {
  const client = endpoint(source);
  const vip = endpoint(destination);
  const flow = {
    source: client.address,
    sourcePort: client.port,
    destination: vip.address,
    destinationPort: vip.port,
    protocol: flags.protocol,
  };
  const found = await ask(flags, (control) => control.call('lookup', flow));
  if (flags.json === true) {
    await stdout.writeData(`${escapeJson(JSON.stringify(found, null, 2))}\n`);
    return ExitCode.ok;
  }
  const { onSyn } = found;
  const lines = [
    answerText(found),
    ...(onSyn === undefined ? [] : [`a SYN begins it: ${answerText(onSyn)}`]),
  ];
  await stdout.write(`${lines.join('\n')}\n`);
  return ExitCode.ok;
}

/** `tx: by the ring, VIP web, real a (10.0.0.1)`. */
function answerText({ verdict, reason, vip, real, realName, realPort }: NamedExplanation): string {
  const parts = [
    reasonText(reason),
    ...(vip === undefined ? [] : [`VIP ${escapeText(vip)}`]),
    ...(real === undefined ? [] : [`real ${realLabel(realName, real, realPort)}`]),
  ];
  return `${verdict}: ${parts.join(', ')}`;
}

/** `192.0.2.7:31337`, `[2001:db8::7]:31337`. @throws UsageError */
export function endpoint(text: string): { address: string; port: number } {
  const match = /^(?:\[([0-9a-f:.]+)\]|([\d.]+)):(\d{1,5})$/i.exec(text);
  const address = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (address === undefined || port > 65_535 || (match?.[1] !== undefined && !isIPv6(address))) {
    throw new UsageError(`'${text}': expected ADDRESS:PORT, such as 192.0.2.7:31337 or [2001:db8::7]:31337`);
  }
  return { address, port };
}
