/** The constants with which the program is loaded. */
import { type CollectionSpec, setGlobal } from '@weir/ebpf';
import { TICK_NS } from '../limits.js';
import type { NatSettings } from '../nat/nat-options.js';
import type { BalancerSettings, GueSettings } from '../settings.js';

/** Bits after the point of `nat_ports_inverse`. */
const INVERSE_BITS = 48;

/** Constants that do not follow from settings. */
export interface LoadConstants {
  /** Buckets of each flow table. */
  readonly buckets: number;
  /** Random numbers of the flow tables' hash. */
  readonly secrets: Uint8Array;
  readonly uncountedCpu: number;
}

/** A UDP flow's last use is noted with this fraction of its idle time. */
const touchesWhileIdle = 32;
/** A translated flow's last use is noted with this fraction of the shortest idle time, at least every second. */
const natTouches = 16;

/** Sets the program's constants. */
export function setConstants(
  spec: CollectionSpec,
  settings: BalancerSettings,
  { buckets, secrets, uncountedCpu }: LoadConstants,
): void {
  const { icmpMtu, udpIdleTicks, nat } = settings;
  setGueConstants(spec, settings.gue);
  setGlobal(spec, 'use_gre', settings.gre);
  setGlobal(spec, 'max_frame', settings.maxFrame);
  setGlobal(spec, 'icmp_mtu', icmpMtu);
  setGlobal(spec, 'send_too_big', icmpMtu !== 0);
  setGlobal(spec, 'tcp_server_ids', settings.tcpServerIds);
  setGlobal(spec, 'inline_decapsulation', settings.inlineDecapsulation);
  setGlobal(spec, 'address_hash_start', settings.hashMaxVips);
  setGlobal(spec, 'share_flows', settings.syncFlows > 0);
  setGlobal(spec, 'new_flow_limit', settings.newFlowLimit);
  setGlobal(spec, 'udp_idle_ticks', udpIdleTicks);
  setGlobal(spec, 'touch_ticks', Math.floor(udpIdleTicks / touchesWhileIdle));
  setGlobal(spec, 'flow_buckets', buckets);
  setGlobal(spec, 'id_mask', settings.serverIdSlots - 1);
  setGlobal(spec, 'flow_secrets', secrets);
  setGlobal(spec, 'uncounted_cpu', uncountedCpu);
  if (nat !== undefined) setNatConstants(spec, nat);
}

function setGueConstants(spec: CollectionSpec, { used, port, source4, source6 }: GueSettings): void {
  setGlobal(spec, 'use_gue', used);
  setGlobal(spec, 'gue_port', port);
  if (source4 !== undefined) setGlobal(spec, 'gue_source4', source4[0]!);
  if (source6 !== undefined) setGlobal(spec, 'gue_source6', source6);
}

function setNatConstants(spec: CollectionSpec, nat: NatSettings): void {
  const { firstPort, ports, first, count, idleTicks } = nat;
  for (const [name, ticks] of Object.entries(idleTicks)) setGlobal(spec, name, ticks);
  const shortest = Math.min(...Object.values(idleTicks), Math.round((natTouches * 1e9) / TICK_NS));
  setGlobal(spec, 'nat_touch_ticks', Math.floor(shortest / natTouches));
  setGlobal(spec, 'use_nat', true);
  setGlobal(spec, 'nat_first_port', firstPort);
  setGlobal(spec, 'nat_ports', ports);
  setGlobal(spec, 'nat_ports_inverse', BigInt(Math.ceil(2 ** INVERSE_BITS / ports)));
  setGlobal(spec, 'nat_first_slot', Uint32Array.from(first));
  setGlobal(spec, 'nat_slot_count', Uint32Array.from(count));
  setGlobal(spec, 'use_routes', nat.usesRoutes);
}
