/** The fields of kernel structs that discovery looks for. */
import { OptionError } from '@weir/ebpf';

/** The type of a field: `net` is the kernel's possible_net_t, a pointer in a struct; `characters` are an array of char. */
export interface FieldType {
  /** Bytes. */
  readonly size: number;
  readonly kind: 'unsigned' | 'signed' | 'in6_addr' | 'net' | 'pointer' | 'characters';
}

export type FieldName =
  | 'skc_daddr'
  | 'skc_rcv_saddr'
  | 'skc_dport'
  | 'skc_num'
  | 'skc_family'
  | 'skc_state'
  | 'skc_net'
  | 'skc_v6_daddr'
  | 'skc_v6_rcv_saddr'
  | 'skc_flags'
  | 'skc_bound_dev_if'
  | 'sk_socket'
  | 'sk_err'
  | 'sk_err_soft'
  | 'sk_protocol'
  | 'sk_shutdown'
  | 'inet_sport'
  | 'bytes_received'
  | 'bytes_acked'
  | 'bytes_sent'
  | 'bytes_retrans'
  | 'segs_in'
  | 'segs_out'
  | 'total_retrans'
  | 'srtt_us'
  | 'snd_una'
  | 'snd_nxt'
  | 'write_seq'
  | 'rcv_nxt'
  | 'inum'
  | 'sk'
  | 'file'
  | 'private_data'
  | 'flags'
  | 'pid'
  | 'tgid'
  | 'comm'
  | 'group_leader';

/** A field by its struct and name as in packages/tracer/bpf/kernel.h. */
export interface Field extends FieldType {
  readonly struct:
    | 'sock_common'
    | 'sock'
    | 'inet_sock'
    | 'tcp_sock'
    | 'net'
    | 'socket'
    | 'file'
    | 'task_struct';
  readonly field: FieldName;
}

function fields(struct: Field['struct'], kind: Field['kind'], size: number, ...names: FieldName[]): Field[] {
  return names.map((field) => ({ struct, field, kind, size }));
}

/** All fields of the search. `net.inum` is `ns.inum` from the start of struct net. */
export const knownFields: readonly Field[] = [
  ...fields('sock_common', 'unsigned', 4, 'skc_daddr', 'skc_rcv_saddr'),
  ...fields('sock_common', 'unsigned', 2, 'skc_dport'),
  ...fields('sock_common', 'unsigned', 2, 'skc_num', 'skc_family'),
  ...fields('sock_common', 'unsigned', 1, 'skc_state'),
  ...fields('sock_common', 'net', 8, 'skc_net'),
  ...fields('sock_common', 'in6_addr', 16, 'skc_v6_daddr', 'skc_v6_rcv_saddr'),
  ...fields('sock_common', 'unsigned', 8, 'skc_flags'),
  ...fields('sock_common', 'signed', 4, 'skc_bound_dev_if'),
  ...fields('sock', 'pointer', 8, 'sk_socket'),
  ...fields('sock', 'signed', 4, 'sk_err', 'sk_err_soft'),
  ...fields('sock', 'unsigned', 2, 'sk_protocol'),
  ...fields('sock', 'unsigned', 1, 'sk_shutdown'),
  ...fields('inet_sock', 'unsigned', 2, 'inet_sport'),
  ...fields('tcp_sock', 'unsigned', 8, 'bytes_received', 'bytes_acked', 'bytes_sent', 'bytes_retrans'),
  ...fields('tcp_sock', 'unsigned', 4, 'segs_in', 'segs_out', 'total_retrans', 'srtt_us'),
  ...fields('tcp_sock', 'unsigned', 4, 'snd_una', 'snd_nxt', 'write_seq', 'rcv_nxt'),
  ...fields('net', 'unsigned', 4, 'inum'),
  ...fields('socket', 'pointer', 8, 'sk', 'file'),
  ...fields('file', 'pointer', 8, 'private_data'),
  ...fields('task_struct', 'unsigned', 4, 'flags'),
  ...fields('task_struct', 'signed', 4, 'pid', 'tgid'),
  ...fields('task_struct', 'characters', 16, 'comm'),
  ...fields('task_struct', 'pointer', 8, 'group_leader'),
];

/** How a field was found. */
export type Method =
  /** Known values were found at this offset only. */
  | 'values'
  /** Its place beside another field, whose values were found. */
  | 'structure'
  /** The object to which it points, or that points to it, holds known values. */
  | 'pointer';

export interface DiscoveredField extends Field {
  /** Bytes from the start of the struct. */
  readonly offset: number;
  readonly how: Method;
  /** The number of offsets that fitted all observations; more than 1 only where the structure decided among them. */
  readonly candidates: number;
}

export interface MissingField {
  readonly field: string;
  readonly why: string;
}

/** @throws OptionError for an unknown name. */
export function knownField(name: string): Field {
  const found = knownFields.find(({ field }) => field === name);
  if (found === undefined) throw new OptionError(`${name} is no field that discovery looks for`);
  return found;
}
