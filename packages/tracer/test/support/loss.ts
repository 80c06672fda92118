/** A link that loses frames at random, both ways: by netem, or where a kernel has none, by an XDP program. */
import { AttachType, kernelVersion, ProgramType } from '@weir/ebpf';
import { Attr, bpf, Command, Fd, withNetns, XdpFlag } from '@weir/ebpf/sys';
import { ip, type TestNetns, tc } from './netns.js';

/** Loses frames until it is disposed of. */
export function loseFrames(ends: readonly TestNetns[], device: string, percent: number): Disposable {
  try {
    for (const end of ends)
      tc('-n', end.name, 'qdisc', 'add', 'dev', device, 'root', 'netem', 'loss', `${percent}%`);
  } catch (error) {
    if (!/qdisc kind is unknown/.test(String(error))) throw error;
    return loseByProgram(ends, device, percent);
  }
  return {
    [Symbol.dispose]() {
      for (const end of ends) tc('-n', end.name, 'qdisc', 'del', 'dev', device, 'root');
    },
  };
}

/** One instruction, as eight bytes: opcode, registers, offset, immediate. */
function instruction(opcode: number, offset = 0, immediate = 0): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, opcode);
  view.setInt16(2, offset, true);
  view.setInt32(4, immediate, true);
  return bytes;
}

function loseByProgram(ends: readonly TestNetns[], device: string, percent: number): Disposable {
  const [call, less, set, exit] = [0x85, 0xa5, 0xb7, 0x95];
  const [getRandom, drop, pass] = [7, 1, 2];
  const code = Buffer.concat([
    instruction(call, 0, getRandom),
    instruction(less, 2, Math.round((2 ** 32 * percent) / 100)),
    instruction(set, 0, pass),
    instruction(exit),
    instruction(set, 0, drop),
    instruction(exit),
  ]);
  const load = new Attr()
    .u32(0, ProgramType.xdp)
    .u32(4, code.length / 8)
    .pointer(8, code)
    .string(16, 'GPL')
    .u32(40, kernelVersion().code);
  using program = new Fd(bpf(Command.progLoad, load));
  const links = ends.map((end) => {
    const [link] = JSON.parse(ip('-json', '-n', end.name, 'link', 'show', 'dev', device)) as [
      { ifindex: number },
    ];
    const attach = new Attr(64)
      .u32(0, program.fd)
      .u32(4, link.ifindex)
      .u32(8, AttachType.xdp)
      .u32(12, XdpFlag.skbMode);
    return new Fd(withNetns(`/run/netns/${end.name}`, () => bpf(Command.linkCreate, attach)));
  });
  return {
    [Symbol.dispose]() {
      for (const link of links) link[Symbol.dispose]();
    },
  };
}
