/**
 * The maps by which programs find the arguments of the probe that runs them: those of include/weir/usdt.bpf.h, whose names and layout are
 * libbpf's, so that programs compiled with its usdt.bpf.h work as well.
 */
import { EbpfError } from '../errors.js';
import { indexKey } from '../map/array.js';
import type { BpfMap } from '../map/map.js';
import type { UsdtArgument } from './usdt-arguments.js';

/** Names of the maps. */
export const usdtMaps = { specs: '__bpf_usdt_specs', ids: '__bpf_usdt_ip_to_spec_id' } as const;

const MAX_ARGUMENTS = 12;
const argumentSize = 16;
const specSize = MAX_ARGUMENTS * argumentSize + 16;
/** BPF_USDT_ARG_*; programs answer -EINVAL to others. */
const kinds = { constant: 0, register: 1, memory: 2, indexed: 3, unreadable: 255 } as const;

/**
 * The bytes of struct __bpf_usdt_spec.
 * @param cookie What bpf_usdt_cookie() returns.
 * @throws EbpfError for more arguments than it has room for.
 */
export function encodeUsdtSpec(args: readonly UsdtArgument[], cookie: bigint): Uint8Array {
  if (args.length > MAX_ARGUMENTS)
    throw new EbpfError(`the probe has ${args.length} arguments; at most ${MAX_ARGUMENTS} are possible`);
  const bytes = new Uint8Array(specSize);
  const view = new DataView(bytes.buffer);
  for (const [i, { size, signed, place }] of args.entries()) {
    const at = i * argumentSize;
    if (place.kind === 'constant') view.setBigInt64(at, place.value, true);
    if (place.kind === 'memory' || place.kind === 'indexed') view.setBigInt64(at, place.offset, true);
    view.setUint8(at + 8, kinds[place.kind]);
    if (place.kind === 'indexed') {
      view.setUint8(at + 9, place.shift);
      view.setUint16(at + 10, place.index, true);
    }
    if ('register' in place) view.setInt16(at + 12, place.register, true);
    view.setUint8(at + 14, signed ? 1 : 0);
    view.setInt8(at + 15, 64 - 8 * size);
  }
  view.setBigUint64(MAX_ARGUMENTS * argumentSize, cookie, true);
  view.setInt16(MAX_ARGUMENTS * argumentSize + 8, args.length, true);
  return bytes;
}

interface Entry {
  readonly id: number;
  users: number;
}

/** The specs that the programs of one object share. Probes with the same arguments and cookie have one. */
export class UsdtSpecs {
  readonly #specs: BpfMap;
  readonly #ids: BpfMap | undefined;
  readonly #entries = new Map<string, Entry>();
  readonly #free: number[] = [];

  /** @throws EbpfError for a map of specs of another layout. */
  constructor(specs: BpfMap, ids: BpfMap | undefined) {
    if (specs.valueSize !== specSize)
      throw new EbpfError(
        `map ${specs.name} has values of ${specs.valueSize} bytes, not ${specSize}: compile with include/weir/usdt.bpf.h of @weir/ebpf`,
      );
    this.#specs = specs;
    this.#ids = ids;
  }

  /** Stores a spec, or finds it. Dispose of the result once no probe uses it. @throws EbpfError if the map is full; SyscallError */
  acquire(spec: Uint8Array): Disposable & { readonly id: number } {
    const key = Buffer.from(spec).toString('latin1');
    const entry = this.#entries.get(key) ?? this.#add(key, spec);
    entry.users++;
    let used = true;
    return {
      id: entry.id,
      [Symbol.dispose]: () => {
        if (!used) return;
        used = false;
        if (--entry.users > 0) return;
        this.#entries.delete(key);
        this.#free.push(entry.id);
      },
    };
  }

  /** Says which spec is that of an instruction, for kernels without cookies. Dispose of the result to undo it. @throws SyscallError */
  assign(address: number, id: number): Disposable {
    if (this.#ids === undefined) throw new EbpfError(`the object has no map ${usdtMaps.ids}`);
    const ids = this.#ids;
    const key = new Uint8Array(BigInt64Array.of(BigInt(address)).buffer);
    ids.update(key, indexKey(id));
    return { [Symbol.dispose]: () => void ids.delete(key) };
  }

  #add(key: string, spec: Uint8Array): Entry {
    const id = this.#free.pop() ?? this.#entries.size;
    if (id >= this.#specs.maxEntries)
      throw new EbpfError(
        `map ${this.#specs.name} is full: ${this.#specs.maxEntries} places of probes with distinct arguments; define BPF_USDT_MAX_SPEC_CNT in the program, or give maxEntries`,
      );
    this.#specs.update(indexKey(id), spec);
    const entry = { id, users: 0 };
    this.#entries.set(key, entry);
    return entry;
  }
}
