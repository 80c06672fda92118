/**
 * A layer-4 load balancer in XDP.
 *
 * @module @weir/balancer
 */

export { type AnnouncedService, Announcer, type AnnouncerOptions } from './announce/announcer.js';
export { Hook, type HookOptions } from './announce/hook.js';
export { ROUTE_PROTOCOL, VipRoutes, type VipRoutesOptions } from './announce/routes.js';
export { Balancer } from './balancer.js';
export type { Capture, CapturedPacket, CaptureOptions } from './datapath/capture.js';
export type { Counters, CpuStatus, Misses, Traffic } from './datapath/counters.js';
export type { Flow } from './datapath/frame.js';
export { flowHash, flowSlot, type HashedFlow, RING_SIZE } from './datapath/hash/flow.js';
export { addressSeed } from './datapath/hash/seed.js';
export type { ReasonName, Verdict } from './datapath/outcome.js';
export { buildRing, NO_REAL, type RingMember, type RingVersion } from './datapath/rings/ring.js';
export {
  Decapsulator,
  type DecapsulatorCounters,
  type DecapsulatorOptions,
  type DecapsulatorStatus,
  type TunnelTraffic,
} from './decapsulator.js';
export { type UnsentCounts, UnsentPackets } from './device/unsent-packets.js';
export {
  type AnalysisStep,
  ageBounds,
  type FlowAnalysis,
  type FlowCount,
  type RealFlows,
  type ServiceFlows,
} from './flows/flow-analysis.js';
export type {
  FlowBatch,
  FlowFilter,
  FlowProgress,
  FlowState,
  FlowsRemoved,
  KnownFlow,
} from './flows/known-flow.js';
export type { AgentCheck, AgentTarget, AskAgent } from './health/agent-check.js';
export type { CompleteCheck, HealthCheck, StatusRange } from './health/check.js';
export {
  type CheckedBalancer,
  type CheckedService,
  CheckedServices,
  type CheckedServicesOptions,
  type ServiceHealth,
  type ServiceRealHealth,
} from './health/checked-services.js';
export type { CertificateExpiry, HealthChange } from './health/checker.js';
export type { Clock } from './health/clock.js';
export type { Condition } from './health/health-state.js';
export { type MarkedTunnel, ProbeMarks } from './health/marks.js';
export type { ServiceState } from './health/members.js';
export type { RealHealth } from './health/monitor.js';
export type { Probe, ProbeResult, ProbeTarget } from './health/probe-target.js';
export { ProbeTunnel, type ProbeTunnelOptions } from './health/probe-tunnel.js';
export { type MetricsSource, metricsText } from './metrics/metrics.js';
export { MetricsServer } from './metrics/metrics-server.js';
export type { NatOptions } from './nat/nat-options.js';
export type { NatStatus } from './nat/nat-table.js';
export type { DirectPlace, DirectRealStatus } from './next-hop/direct-reals.js';
export type { RouterStatus } from './next-hop/router.js';
export type { BalancerOptions, ChainPlace, GueOptions, InterfaceOptions, XdpMode } from './options.js';
export { BALANCER_KERNEL, type BalancerHost } from './requirement/requirement.js';
export { type BalancerSupport, balancerSupport } from './requirement/support.js';
export type { Protocol, Service, ServiceFlag, ServiceReal, ServiceSpec } from './service.js';
export type { ServiceSource } from './sources/real-sources.js';
export type { SourceStatus } from './sources/source-follower.js';
export type {
  Explanation,
  InterfaceStatus,
  Lookup,
  Processed,
  RealStatus,
  ServerId,
  ServiceStatus,
  SourceRoute,
  TableName,
  TableStatus,
} from './status.js';
export type { LearnedFlows } from './sync/peer-flows.js';
export type { ReplayRefusal } from './sync/replay-guard.js';
export type { SharedFlow, SyncRefusal } from './sync/sync-message.js';
export type { DatagramRefusal, SyncPeerStatus, SyncStatus } from './sync/sync-status.js';
export {
  type ServerIdCounters,
  type ServerIdOptions,
  type ServerIdStatus,
  TcpServerIds,
} from './tcp-server-ids.js';
