/** A link that loses frames at random, both ways: by netem, or where a kernel has none, by an XDP program. */
import { AttachType, ProgramType } from '@weir/ebpf';
import {
  assemble,
  attr,
  bpf,
  Command,
  Fd,
  insn,
  JmpOp,
  progLoadAttr,
  withNetns,
  XdpFlag,
} from '@weir/ebpf/sys';
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

function loseByProgram(ends: readonly TestNetns[], device: string, percent: number): Disposable {
  const [getRandom, drop, pass] = [7, 1, 2];
  const instructions = assemble(
    insn.call(getRandom),
    insn.jumpIf(0, JmpOp.jlt, Math.round((2 ** 32 * percent) / 100), 2),
    insn.movImmediate(0, pass),
    insn.exit(),
    insn.movImmediate(0, drop),
    insn.exit(),
  );
  const load = progLoadAttr({ progType: ProgramType.xdp, instructions });
  using program = new Fd(bpf(Command.progLoad, load));
  const links = ends.map((end) => {
    const [link] = JSON.parse(ip('-json', '-n', end.name, 'link', 'show', 'dev', device)) as [
      { ifindex: number },
    ];
    const attach = attr('linkCreate', {
      ...{ progFd: program.fd, targetIfindex: link.ifindex },
      ...{ attachType: AttachType.xdp, flags: XdpFlag.skbMode },
    });
    return new Fd(withNetns(`/run/netns/${end.name}`, () => bpf(Command.linkCreate, attach)));
  });
  return {
    [Symbol.dispose]() {
      for (const link of links) link[Symbol.dispose]();
    },
  };
}
