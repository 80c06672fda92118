/** Programs of netkit devices (6.7): pairs of devices that run them on the way from one to the other. */
import { constants } from 'node:os';
import type { ProgramHandle } from '../program/program-handle.js';
import { AttachType } from '../uapi/attach-types.js';
import { ProgramType } from '../uapi/program-types.js';
import { deviceIndex } from './device.js';
import { UpdatableLink } from './link.js';
import { explainOrder, type LinkOrder, orderArguments } from './link-order.js';
import { createSupportedLink } from './link-support.js';
import { requireType } from './program-kind.js';

/** Refusals of another kind of device, of the peer, and of kernels without netkit. */
const notPrimary: ReadonlySet<number> = new Set([
  constants.errno.ENXIO,
  constants.errno.EACCES,
  constants.errno.EINVAL,
]);

/** Options of {@link attachNetkit}. */
export interface NetkitOptions extends LinkOrder {
  /** The device of the pair whose packets the program sees as they leave it. Default: as the program's section says. */
  readonly end?: 'primary' | 'peer';
}

/**
 * Attaches to a netkit device of the calling thread's network namespace by a bpf_link (6.7, CONFIG_NETKIT).
 * @param device The name or number of the primary device, for either end.
 * @throws UnsupportedError on an older kernel; SyscallError, such as ENXIO for a device of another kind.
 */
export function attachNetkit(
  program: ProgramHandle,
  device: string | number,
  options: NetkitOptions = {},
): UpdatableLink {
  requireType(program, 'attachNetkit', ProgramType.schedCls);
  const end = options.end ?? (program.expectedAttachType === AttachType.netkitPeer ? 'peer' : 'primary');
  const attachType = end === 'peer' ? AttachType.netkitPeer : AttachType.netkitPrimary;
  const { flags, relative } = orderArguments(options);
  const support = { feature: 'BPF_LINK_TYPE_NETKIT', since: '6.7', option: 'CONFIG_NETKIT' };
  const target = typeof device === 'number' ? device : deviceIndex(device);
  const more = { flags, netkit: relative };
  const fd = createSupportedLink(support, program, target, attachType, more, (errno) =>
    notPrimary.has(errno)
      ? `${device} has to be the primary device of a netkit pair (CONFIG_NETKIT)`
      : explainOrder(errno),
  );
  return new UpdatableLink('netkit', fd);
}
