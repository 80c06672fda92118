/** Programs on the sockets in a sockmap or sockhash: verdicts on messages that are sent, and on streams that are received. */
import { constants } from 'node:os';
import { OptionError } from '../errors.js';
import { type FeatureTable, features as kernelFeatures } from '../features/table.js';
import type { BpfMap } from '../map/map.js';
import type { ProgramHandle } from '../program/program-handle.js';
import { AttachType } from '../uapi/attach-types.js';
import { MapType, mapTypeName } from '../uapi/map-types.js';
import { ProgramType } from '../uapi/program-types.js';
import { DetachableLink } from './detachable.js';
import { createLink, type Link, UpdatableLink } from './link.js';
import { requireType } from './program-kind.js';

/** Options of {@link attachSockmap}. */
export interface SockmapOptions {
  /** {@link AttachType}: `skMsgVerdict`, `skSkbStreamParser`, `skSkbStreamVerdict` or `skSkbVerdict`. Default: as the program's section says. */
  readonly attachType?: number;
  /** The features by which the way to attach is chosen. Default: those of the running kernel. */
  readonly features?: FeatureTable;
}

/**
 * Attaches to the sockets that are put into a map from then on, by {@link DescriptorMap.setFd}: by a bpf_link (6.10), else by BPF_PROG_ATTACH
 * (sk_skb 4.14, sk_msg 4.17, sk_skb/verdict 5.13), which the kernel keeps until the map goes. Without a link, a program of the same kind that
 * is attached there is replaced. Sockets that are in the map keep the programs that they came in with, also after an update or the link's end:
 * {@link DescriptorMap.clear} and putting them there again gives them those of now.
 * @param map BPF_MAP_TYPE_SOCKMAP or BPF_MAP_TYPE_SOCKHASH.
 * @throws OptionError for a map of another kind, or where nothing says which verdict it is; SyscallError; UnknownFeatureError
 */
export function attachSockmap(program: ProgramHandle, map: BpfMap, options: SockmapOptions = {}): Link {
  requireType(program, 'attachSockmap', ProgramType.skSkb, ProgramType.skMsg);
  if (map.type !== MapType.sockmap && map.type !== MapType.sockhash)
    throw new OptionError(
      `program ${program.name}: map ${map.name} is a ${mapTypeName(map.type)}, not a sockmap or sockhash`,
    );
  const attachType = options.attachType ?? program.expectedAttachType ?? onlyType.get(program.type);
  if (attachType === undefined)
    throw new OptionError(
      `program ${program.name}: its section does not say whether it parses or judges streams: give the attachType`,
    );
  const advice = (errno: number) => explain(errno, map.name);
  if ((options.features ?? kernelFeatures).decide('sockmap_link'))
    return new UpdatableLink('sockmap', createLink(program, map.fd, attachType, {}, advice));
  return new DetachableLink('sockmap', program, map.fd, attachType, { replaces: 'by-attaching', advice });
}

const onlyType: ReadonlyMap<number, number> = new Map([[ProgramType.skMsg, AttachType.skMsgVerdict]]);

function explain(errno: number, map: string): string | undefined {
  const { EBUSY, EOPNOTSUPP } = constants.errno;
  if (errno === EBUSY)
    return `map ${map} has a verdict on streams of the other kind (stream_verdict or verdict), or a program of this kind`;
  return errno === EOPNOTSUPP ? 'this kernel was built without CONFIG_BPF_STREAM_PARSER' : undefined;
}
