import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type CgroupEnrichment, parseCgroups } from '../src/enrich/index.js';

const id = '4f1c5d7be2a3904c6bd8a1f0e3275c9d8b6a4f10c2e3d5b7a9081726354453ab';
const outer = '00ff5d7be2a3904c6bd8a1f0e3275c9d8b6a4f10c2e3d5b7a90817263544abcd';
const uid = '2e6a1c04-9d3b-4f57-8a60-b1c2d3e4f506';
const underscored = uid.replaceAll('-', '_');
const staticUid = '9b0a3f6e1d2c4b5a8f7e6d5c4b3a2918';

/** Paths of cgroup v2, as /proc/PID/cgroup shows them. */
const paths: readonly (readonly [string, CgroupEnrichment])[] = [
  ['/', {}],
  ['/init.scope', { unit: 'init.scope' }],
  ['/system.slice/nginx.service', { unit: 'nginx.service' }],
  [
    '/system.slice/system-postgresql.slice/postgresql@15-main.service',
    { unit: 'postgresql@15-main.service' },
  ],
  ['/system.slice/system-serial\\x2dgetty.slice/getty@tty1.service', { unit: 'getty@tty1.service' }],
  ['/user.slice/user-1000.slice/session-2.scope', { unit: 'session-2.scope' }],
  [
    '/user.slice/user-1000.slice/user@1000.service/app.slice/app-firefox-4242.scope',
    { unit: 'app-firefox-4242.scope' },
  ],
  ['/user.slice/user-1000.slice/user@1000.service/init.scope', { unit: 'init.scope' }],
  ['/system.slice/containerd.service', { unit: 'containerd.service' }],
  // Docker, with systemd as the cgroup driver, and with cgroupfs.
  [`/system.slice/docker-${id}.scope`, { container_id: id, container_runtime: 'docker' }],
  [`/docker/${id}`, { container_id: id, container_runtime: 'docker' }],
  [`/custom.slice/docker-${id}.scope`, { container_id: id, container_runtime: 'docker' }],
  [`/actions_job/${id}`, { container_id: id, container_runtime: 'docker' }],
  // Processes inside create cgroups of their own.
  [
    `/system.slice/docker-${id}.scope/init.scope`,
    { container_id: id, container_runtime: 'docker', unit: 'init.scope' },
  ],
  [
    `/docker/${id}/system.slice/sshd.service`,
    { container_id: id, container_runtime: 'docker', unit: 'sshd.service' },
  ],
  [`/docker/${outer}/docker/${id}`, { container_id: id, container_runtime: 'docker' }],
  [
    '/docker/buildkit/k3qjz0w1f2g5h6j7k8l9m0n1p',
    { container_id: 'k3qjz0w1f2g5h6j7k8l9m0n1p', container_runtime: 'buildkit' },
  ],
  // containerd without Kubernetes.
  [`/system.slice/nerdctl-${id}.scope`, { container_id: id, container_runtime: 'containerd' }],
  [`/default/${id}`, { container_id: id, container_runtime: 'containerd' }],
  [`/k8s.io/${id}`, { container_id: id, container_runtime: 'containerd' }],
  // Kubernetes: containerd, dockershim, CRI-O; systemd and cgroupfs; the three classes.
  [
    `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${underscored}.slice/cri-containerd-${id}.scope`,
    { container_id: id, container_runtime: 'containerd', pod_uid: uid },
  ],
  [
    `/kubepods.slice/kubepods-pod${underscored}.slice/cri-containerd-${id}.scope`,
    { container_id: id, container_runtime: 'containerd', pod_uid: uid },
  ],
  [
    `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${underscored}.slice/docker-${id}.scope`,
    { container_id: id, container_runtime: 'docker', pod_uid: uid },
  ],
  [
    `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${underscored}.slice/crio-${id}.scope`,
    { container_id: id, container_runtime: 'cri-o', pod_uid: uid },
  ],
  [
    `/kubepods.slice/kubepods-pod${underscored}.slice/crio-${id}.scope/container`,
    { container_id: id, container_runtime: 'cri-o', pod_uid: uid },
  ],
  [`/kubepods/burstable/pod${uid}/${id}`, { container_id: id, pod_uid: uid }],
  [`/kubepods/pod${uid}/${id}`, { container_id: id, pod_uid: uid }],
  [
    `/kubepods/besteffort/pod${uid}/crio-${id}`,
    { container_id: id, container_runtime: 'cri-o', pod_uid: uid },
  ],
  [`/kubepods/burstable/pod${staticUid}/${id}`, { container_id: id, pod_uid: staticUid }],
  [
    `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${staticUid}.slice/cri-containerd-${id}.scope`,
    { container_id: id, container_runtime: 'containerd', pod_uid: staticUid },
  ],
  // The pod's own cgroup.
  [`/kubepods/burstable/pod${uid}`, { pod_uid: uid }],
  // containerd with the cgroup driver set wrongly: systemd's notation as a cgroup's name.
  [
    `/kubepods-besteffort-pod${underscored}.slice:cri-containerd:${id}`,
    { container_id: id, container_runtime: 'containerd', pod_uid: uid },
  ],
  [
    `/system.slice/containerd.service/kubepods-burstable-pod${underscored}.slice:cri-containerd:${id}`,
    { container_id: id, container_runtime: 'containerd', pod_uid: uid },
  ],
  // kind: Kubernetes in Docker.
  [`/docker/${outer}/kubelet/kubepods/besteffort/pod${uid}/${id}`, { container_id: id, pod_uid: uid }],
  [
    `/system.slice/docker-${outer}.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod${underscored}.slice/cri-containerd-${id}.scope`,
    { container_id: id, container_runtime: 'containerd', pod_uid: uid },
  ],
  // Podman: of root, of a user, in a pod, in a unit, and its watcher.
  [`/machine.slice/libpod-${id}.scope`, { container_id: id, container_runtime: 'podman' }],
  [`/machine.slice/libpod-${id}.scope/container`, { container_id: id, container_runtime: 'podman' }],
  [
    `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${id}.scope/container`,
    { container_id: id, container_runtime: 'podman' },
  ],
  [
    `/machine.slice/machine-libpod_pod_${outer}.slice/libpod-${id}.scope/container`,
    { container_id: id, container_runtime: 'podman' },
  ],
  [`/libpod_parent/libpod-${id}`, { container_id: id, container_runtime: 'podman' }],
  [`/system.slice/web.service/libpod-payload-${id}`, { container_id: id, container_runtime: 'podman' }],
  [`/machine.slice/libpod-conmon-${id}.scope`, {}],
  [`/libpod_parent/conmon`, {}],
  [`/kubepods.slice/kubepods-pod${underscored}.slice/crio-conmon-${id}.scope`, { pod_uid: uid }],
  // Amazon ECS on EC2, and Fargate.
  [`/ecs/blue/${staticUid}/${id}`, { container_id: id }],
  [
    `/ecs/${staticUid}/${staticUid}-2531612879`,
    { container_id: `${staticUid}-2531612879`, container_runtime: 'docker' },
  ],
  // LXC, LXD, systemd-nspawn.
  ['/lxc/web', { container_id: 'web', container_runtime: 'lxc' }],
  ['/lxc.payload.web', { container_id: 'web', container_runtime: 'lxc' }],
  [
    '/lxc.payload.web/system.slice/cron.service',
    { container_id: 'web', container_runtime: 'lxc', unit: 'cron.service' },
  ],
  ['/lxc.monitor.web', {}],
  [
    '/machine.slice/systemd-nspawn@debian\\x2d12.service/payload',
    {
      container_id: 'debian-12',
      container_runtime: 'systemd-nspawn',
      unit: 'systemd-nspawn@debian\\x2d12.service',
    },
  ],
  ['/lxc.payload/web', { container_id: 'web', container_runtime: 'lxc' }],
  ['/machine.slice/systemd-nspawn@web.service/supervisor', { unit: 'systemd-nspawn@web.service' }],
  [
    '/machine.slice/machine-web\\x2d1.scope/payload',
    { container_id: 'web-1', container_runtime: 'systemd-nspawn' },
  ],
  [
    '/machine.slice/machine-web.scope/payload/system.slice/cron.service',
    { container_id: 'web', container_runtime: 'systemd-nspawn', unit: 'cron.service' },
  ],
  ['/machine.slice/machine-web.scope/supervisor', { unit: 'machine-web.scope' }],
  ['/machine.slice/machine-qemu\\x2d1\\x2dvm.scope', { unit: 'machine-qemu\\x2d1\\x2dvm.scope' }],
  // Seen from another cgroup namespace; after the cgroup was removed.
  [`/../../system.slice/docker-${id}.scope`, { container_id: id, container_runtime: 'docker' }],
  [`/docker/${id} (deleted)`, { container_id: id, container_runtime: 'docker' }],
  // A runtime that is not known, and what only looks like a container.
  [`/whatever/${id}`, { container_id: id }],
  [`/garden-${id}`, { container_id: id }],
  [`/system.slice/docker-${id.slice(1)}.scope`, { unit: `docker-${id.slice(1)}.scope` }],
  [`/docker/${id.toUpperCase()}`, {}],
  ['/kubepods/burstable/pod1234', {}],
  ['/system.slice/podman.service', { unit: 'podman.service' }],
  ['/system.slice/.service', {}],
];

describe('the path of a control group', () => {
  for (const [path, expected] of paths) {
    it(path.replaceAll(id, 'ID').replaceAll(outer, 'OUTER'), () => {
      assert.deepEqual(parseCgroups(`0::${path}\n`), expected);
    });
  }

  it('of cgroup v1 is that of the first hierarchy that names a container', () => {
    const text = [
      '12:perf_event:/',
      `11:cpu,cpuacct:/kubepods/burstable/pod${uid}/${id}`,
      `10:memory:/kubepods/burstable/pod${uid}/${id}`,
      '1:name=systemd:/system.slice/kubelet.service',
      '0::/system.slice/kubelet.service',
    ].join('\n');
    assert.deepEqual(parseCgroups(text), { container_id: id, pod_uid: uid, unit: 'kubelet.service' });
  });

  it('of v1 and v2 at once gives the unit of systemd’s hierarchy', () => {
    const text = '5:memory:/user.slice\n1:name=systemd:/system.slice/cron.service\n0::/\n';
    assert.deepEqual(parseCgroups(text), { unit: 'cron.service' });
  });

  it('may be any text, and then gives nothing', () => {
    for (const text of [
      '',
      '\n',
      'x',
      '0:',
      '0::',
      '::::',
      '0::/:/::',
      `0::/${'a/'.repeat(2000)}`,
      '\0'.repeat(99),
    ]) {
      assert.deepEqual(parseCgroups(text), {}, JSON.stringify(text));
    }
    // A process that may make cgroups may give them hostile names; they come out as they are.
    assert.deepEqual(parseCgroups('0::/\u001b[31m.service'), { unit: '\u001b[31m.service' });
  });
});
