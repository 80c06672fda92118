import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sectionKinds, sectionMeaning } from '../src/object/sections.js';
import { AttachType } from '../src/uapi/attach-types.js';
import { ProgramFlag } from '../src/uapi/flags.js';
import { ProgramType } from '../src/uapi/program-types.js';

describe('sectionMeaning', () => {
  const cases: [string, number, number | undefined, string | undefined, number?][] = [
    ['socket', ProgramType.socketFilter, undefined, undefined],
    ['kprobe/tcp_connect+0x10', ProgramType.kprobe, undefined, 'tcp_connect+0x10'],
    ['kprobe', ProgramType.kprobe, undefined, undefined],
    ['kprobe.multi/tcp_*', ProgramType.kprobe, AttachType.traceKprobeMulti, 'tcp_*'],
    ['uprobe//proc/self/exe:main', ProgramType.kprobe, undefined, '/proc/self/exe:main'],
    ['tp/sock/inet_sock_set_state', ProgramType.tracepoint, undefined, 'sock/inet_sock_set_state'],
    ['raw_tp.w/bpf_test', ProgramType.rawTracepointWritable, undefined, 'bpf_test'],
    ['tp_btf/inet_sock_set_state', ProgramType.tracing, AttachType.traceRawTp, 'inet_sock_set_state'],
    ['fexit.s/do_unlinkat', ProgramType.tracing, AttachType.traceFexit, 'do_unlinkat', ProgramFlag.sleepable],
    ['iter/tcp', ProgramType.tracing, AttachType.traceIter, 'tcp'],
    ['freplace/f', ProgramType.ext, undefined, 'f'],
    ['xdp', ProgramType.xdp, AttachType.xdp, undefined],
    ['xdp.frags/devmap', ProgramType.xdp, AttachType.xdpDevmap, undefined, ProgramFlag.xdpHasFrags],
    ['tcx/egress', ProgramType.schedCls, AttachType.tcxEgress, undefined],
    ['cgroup_skb/egress', ProgramType.cgroupSkb, AttachType.cgroupInetEgress, undefined],
    ['cgroup/connect6', ProgramType.cgroupSockAddr, AttachType.cgroupInet6Connect, undefined],
    ['cgroup/post_bind4', ProgramType.cgroupSock, AttachType.cgroupInet4PostBind, undefined],
    ['syscall', ProgramType.syscall, undefined, undefined, ProgramFlag.sleepable],
  ];
  for (const [section, type, attachType, attachTo, flags = 0] of cases) {
    it(`knows ${section}`, () => {
      const meaning = sectionMeaning(section);
      assert.equal(meaning.kind?.type, type);
      assert.equal(meaning.kind?.attachType, attachType);
      assert.equal(meaning.attachTo, attachTo);
      assert.equal(meaning.kind?.flags, flags);
      assert.equal(meaning.autoload, true);
      assert.deepEqual(sectionMeaning(`?${section}`), { ...meaning, autoload: false });
    });
  }

  it('leaves unknown names without a kind', () => {
    for (const section of ['kprobes/x', 'xdp_prog', 'xdp/other', 'cgroup/connect5', 'socket/filter', '']) {
      assert.equal(sectionMeaning(section).kind, undefined, section);
    }
  });

  it('knows each name once', () => {
    const names = sectionKinds.map((kind) => kind.name);
    assert.equal(new Set(names).size, names.length);
    for (const kind of sectionKinds) {
      assert.match(kind.since, /^\d+\.\d+$/);
      assert.ok(!kind.takesTarget || !kind.name.includes('/'), `${kind.name} takes a target and has no '/'`);
    }
  });
});
