export type {
  Explanation,
  InterfaceStatus,
  Processed,
  RealStatus,
  ServerId,
  ServiceStatus,
  SourceRoute,
} from './answers.js';
export { Balancer } from './balancer.js';
export type { Capture, CapturedPacket, CaptureOptions } from './capture.js';
export type { Counters, Traffic } from './counters.js';
export type { Flow } from './frame.js';
export { flowHash, flowSlot, type HashedFlow, RING_SIZE } from './hash/flow.js';
export { addressSeed } from './hash/seed.js';
export { Announcer, type AnnouncerOptions } from './health/announcer.js';
export type { HealthCheck, StatusRange } from './health/check.js';
export {
  type CheckedService,
  CheckedServices,
  type CheckedServicesOptions,
  type ServiceHealth,
  type ServiceRealHealth,
} from './health/checked-services.js';
export type { HealthChange } from './health/checker.js';
export { Hook, type HookOptions } from './health/hook.js';
export { type MarkedTunnel, ProbeMarks } from './health/marks.js';
export type { ServiceState } from './health/members.js';
export type { RealHealth } from './health/monitor.js';
export { ROUTE_PROTOCOL, VipRoutes, type VipRoutesOptions } from './health/routes.js';
export type { Condition } from './health/state.js';
export { Decapsulator, type DecapsulatorOptions } from './life/decapsulator.js';
export { ProbeTunnel, type ProbeTunnelOptions } from './life/probe-tunnel.js';
export type { RouterStatus } from './life/router.js';
export type { ChainPlace } from './life/state.js';
export { type MetricsSource, metricsText } from './metrics.js';
export { MetricsServer } from './metrics-server.js';
export type { NatOptions } from './nat-options.js';
export type { NatStatus } from './nat-table.js';
export type { BalancerOptions, GueOptions, InterfaceOptions } from './options.js';
export type { ReasonName, Verdict } from './outcome.js';
export { buildRing, NO_REAL, type RingMember, type RingVersion } from './ring.js';
export type { Protocol, Service, ServiceFlag, ServiceReal, ServiceSpec } from './service.js';
