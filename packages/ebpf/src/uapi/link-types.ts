/** The kinds of links, enum bpf_link_type. */
import { nameFunction } from './numbering.js';

/** Numbers of the kinds of links: BPF_LINK_TYPE_* (enum bpf_link_type of include/uapi/linux/bpf.h). */
export const LinkType = {
  unspec: 0,
  rawTracepoint: 1,
  tracing: 2,
  cgroup: 3,
  iter: 4,
  netns: 5,
  xdp: 6,
  perfEvent: 7,
  kprobeMulti: 8,
  structOps: 9,
  netfilter: 10,
  tcx: 11,
  uprobeMulti: 12,
  netkit: 13,
  sockmap: 14,
} as const;

/** `BPF_LINK_TYPE_TRACING` for 2. */
export const linkTypeName = nameFunction('BPF_LINK_TYPE_', LinkType);
