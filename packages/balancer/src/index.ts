export {
  Balancer,
  type Explanation,
  type Processed,
  type RealStatus,
  type ServiceStatus,
} from './balancer.js';
export type { Capture, CapturedPacket, CaptureOptions } from './capture.js';
export type { Counters, Traffic } from './counters.js';
export type { Flow } from './frame.js';
export { flowHash, flowSlot, type HashedFlow, RING_SIZE } from './hash/flow.js';
export { addressSeed } from './hash/seed.js';
export { Decapsulator, type DecapsulatorOptions } from './life/decapsulator.js';
export { ProbeTunnel, type ProbeTunnelOptions } from './life/probe-tunnel.js';
export type { BalancerOptions, GueOptions } from './options.js';
export type { ReasonName, Verdict } from './outcome.js';
export { buildRing, NO_REAL, type RingMember, type RingVersion } from './ring.js';
export type { Protocol, Service, ServiceFlag, ServiceReal, ServiceSpec } from './service.js';
