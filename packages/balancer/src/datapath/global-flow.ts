/** Flows whose reals user space chooses, for all CPUs. */

import type { BpfMap } from '@weir/ebpf';
import { OptionError } from '@weir/ebpf';
import { keyAddress, wirePort } from '../address.js';
import { sizeofGlobalFlow, writeGlobalFlow } from '../generated/balancer.js';
import { protocolNumbers } from '../service.js';
import { encode, encodeNumber } from './encode.js';
import { type Flow, familyProblem } from './frame.js';
import type { RealRegistry } from './real-registry.js';

/** Adds a flow to the program's table, or removes it. @throws OptionError if no service has that real. */
export function setGlobalFlow(
  map: BpfMap,
  reals: RealRegistry,
  flow: Flow,
  address: string | undefined,
  port: number,
): void {
  const problem = familyProblem(flow);
  if (problem !== undefined) throw new OptionError(problem);
  const source = keyAddress(flow.source);
  const key = encode(sizeofGlobalFlow, writeGlobalFlow, {
    source: source.words,
    destination: keyAddress(flow.destination).words,
    sourcePort: wirePort(flow.sourcePort),
    destinationPort: wirePort(flow.destinationPort),
    protocol: protocolNumbers[flow.protocol],
    ipv6: Number(source.ipv6),
    reserved: 0,
  });
  if (address === undefined) {
    map.delete(key);
    return;
  }
  const real = reals.find(address, port);
  if (real === undefined) throw new OptionError(`${address} is not a real of any service`);
  map.update(key, encodeNumber(real.handle));
}
