/**
 * Captured packets: decoding and files.
 *
 * @module @weir/balancer/packets
 */

export { decodeFrame, type Layer } from './decode.js';
export { type FilePacket, readPackets } from './pcap.js';
export { type CommentedPacket, pcapngHeader, pcapngPacket, pcapngStatistics } from './pcapng.js';
