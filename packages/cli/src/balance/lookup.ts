/** `weir balance lookup`. */

import { isIPv6 } from 'node:net';
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
  const { verdict, reason, vip: vipName, real, realName, realPort } = found;
  const parts = [
    reasonText(reason),
    ...(vipName === undefined ? [] : [`VIP ${escapeText(vipName)}`]),
    ...(real === undefined ? [] : [`real ${realLabel(realName, real, realPort)}`]),
  ];
  await stdout.write(`${verdict}: ${parts.join(', ')}\n`);
  return ExitCode.ok;
}

/** `192.0.2.7:31337`, `[2001:db8::7]:31337`. @throws UsageError */
function endpoint(text: string): { address: string; port: number } {
  const match = /^(?:\[([0-9a-f:.]+)\]|([\d.]+)):(\d{1,5})$/i.exec(text);
  const address = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (address === undefined || port > 65_535 || (match?.[1] !== undefined && !isIPv6(address))) {
    throw new UsageError(`'${text}': expected ADDRESS:PORT, such as 192.0.2.7:31337 or [2001:db8::7]:31337`);
  }
  return { address, port };
}
