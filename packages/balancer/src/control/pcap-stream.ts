/** A capture of a balancer as the bytes of a pcapng file. */
import { monotonicNs, realtimeOffsetNs } from '@weir/ebpf/sys';
import type { Balancer } from '../balancer.js';
import { realAt, vipOf } from '../config/convert.js';
import type { Config } from '../config/schema.js';
import type { CapturedPacket, CaptureOptions } from '../datapath/capture.js';
import { pcapngHeader, pcapngPacket, pcapngStatistics } from '../packets/pcapng.js';
import { vipName } from '../service.js';

/** Options of a capture, and when it ends. */
export interface StreamOptions extends CaptureOptions {
  /** Ends after this many packets. Default: no end. */
  readonly count?: number | undefined;
}

export interface StreamSource {
  readonly balancer: Pick<Balancer, 'capture'>;
  /** Returns the present configuration, which names VIPs and reals. */
  config(): Config;
  readonly version: string;
}

/** Pieces of a pcapng file, and at the end its totals. */
export type PcapStream = AsyncGenerator<Uint8Array, CaptureEnd>;

/** Totals of a capture. */
export interface CaptureEnd {
  readonly packets: number;
  /** Packets for which the kernel's buffers had no room. */
  readonly lost: number;
}

/**
 * Captures until the signal aborts, or until `count` packets were captured. The number of lost packets is at the end of
 * the file.
 *
 * @throws OptionError, SyscallError
 */
export async function* pcapStream(
  { balancer, config, version }: StreamSource,
  { count = Number.POSITIVE_INFINITY, ...options }: StreamOptions,
  signal: AbortSignal,
): PcapStream {
  using capture = balancer.capture(options);
  const offset = realtimeOffsetNs();
  yield pcapngHeader(config().name, `weir ${version}`);
  let packets = 0;
  while (packets < count && !signal.aborted) {
    await capture.wait({ signal });
    const captured = capture.read().slice(0, count - packets);
    packets += captured.length;
    const blocks = captured.map((packet) =>
      pcapngPacket({
        timeNs: BigInt(packet.timeNs) + offset,
        bytes: packet.head,
        length: packet.length,
        comment: commentOf(packet, config()),
      }),
    );
    if (blocks.length > 0) yield Buffer.concat(blocks);
  }
  const { lost } = capture;
  yield pcapngStatistics(monotonicNs() + offset, lost);
  return { packets, lost };
}

/** A packet's comment, as `tx: ring, VIP web, real a (10.0.0.1)`. */
export function commentOf(
  packet: Pick<CapturedPacket, 'verdict' | 'reason' | 'service' | 'real' | 'realPort'>,
  config: Pick<Config, 'vips'>,
): string {
  const { verdict, reason, service, real, realPort } = packet;
  const vip = service && vipOf(config, service);
  const name = vip && real && realAt(vip, real, realPort)?.name;
  const parts = [
    `${verdict}: ${reason}`,
    ...(service === undefined ? [] : [`VIP ${vip?.name ?? vipName(service)}`]),
    ...(real === undefined
      ? []
      : [`real ${name === undefined || name === real ? real : `${name} (${real})`}`]),
  ];
  return parts.join(', ');
}
