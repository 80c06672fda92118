/** The state of the host that, beside the report of `weir doctor`, explains how Weir runs there. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import {
  availableParallelism,
  cpus,
  hostname,
  networkInterfaces,
  release,
  totalmem,
  userInfo,
} from 'node:os';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { packageVersion } from '../version.js';
import { serveOutline, validity } from './configurations.js';
import { loadedPrograms, pinnedPrograms, xdpOf } from './kernel-programs.js';
import { attempt, read } from './read-text.js';
import type { PrivateNames } from './redaction.js';

function list(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}

const texts = (paths: readonly string[]) => Object.fromEntries(paths.map((path) => [path, read(path)]));

/** Names of all interfaces that this process can see. */
function interfaceNames(): string[] {
  const lines = read('/proc/self/net/dev').matchAll(/^\s*([^\s:|]+):/gm);
  const found = [...lines].map(([, name]) => name!);
  return [...new Set([...found, ...Object.keys(networkInterfaces()), ...list('/sys/class/net')])];
}

/** @param env The environment, whose names of users are private. */
export function privateNames(env: NodeJS.ProcessEnv): PrivateNames {
  const full = hostname();
  const user = attempt(() => userInfo().username);
  return {
    hosts: [full, full.split('.')[0]!, read('/etc/hostname')].filter((name) => !name.startsWith('(')),
    users: [user, env.USER, env.LOGNAME, env.SUDO_USER].filter(
      (name) => name !== undefined && !name.startsWith('('),
    ) as string[],
    interfaces: interfaceNames(),
    release: release(),
  };
}

export function versions(): object {
  const report = process.report.getReport() as { readonly header?: { glibcVersionRuntime?: string } };
  const os = read('/etc/os-release').matchAll(/^(ID|VERSION_ID|PRETTY_NAME)="?([^"\n]*)"?$/gm);
  const glibc = report.header?.glibcVersionRuntime;
  return {
    weir: packageVersion(),
    node: process.version,
    kernel: release(),
    architecture: process.arch,
    libc: glibc === undefined ? 'not glibc' : `glibc ${glibc}`,
    distribution: Object.fromEntries([...os].map(([, key, value]) => [key, value])),
  };
}

const OPTIONS =
  /^(?:# )?CONFIG_(?:BPF\w*|\w*_BPF|CGROUP_BPF|DEBUG_INFO_BTF\w*|KPROBES|KPROBE_EVENTS|FPROBE|FTRACE|FUNCTION_TRACER|DYNAMIC_FTRACE\w*|XDP_SOCKETS|NET_CLS_ACT|NET_SCH_INGRESS|SECURITY_LOCKDOWN\w*|PREEMPT\w*|NO_HZ_FULL|IPV6|MPTCP|PERF_EVENTS|SECCOMP\w*|LSM)(?:=.*| is not set)$/gm;

/** Lines of the kernel's configuration that matter to Weir. */
export function kernelOptions(): string {
  const compressed = attempt(() => gunzipSync(readFileSync('/proc/config.gz')).toString());
  const text = compressed.startsWith('(') ? read(`/boot/config-${release()}`) : compressed;
  return text.startsWith('(') ? `${text}\n` : `${(text.match(OPTIONS) ?? []).join('\n')}\n`;
}

export function hostState(): object {
  return {
    capabilities: /^CapEff:\s*(\w+)$/m.exec(read('/proc/self/status'))?.[1],
    sysctls: texts([
      '/proc/sys/net/core/bpf_jit_enable',
      '/proc/sys/net/core/bpf_jit_harden',
      '/proc/sys/kernel/unprivileged_bpf_disabled',
      '/proc/sys/kernel/perf_event_paranoid',
      '/proc/sys/kernel/kptr_restrict',
      '/proc/sys/net/ipv4/conf/all/rp_filter',
      '/proc/sys/net/ipv4/conf/default/rp_filter',
    ]),
    security: texts(['/sys/kernel/security/lockdown', '/sys/kernel/security/lsm']),
    cpus: {
      count: cpus().length,
      usable: availableParallelism(),
      ...texts(['/sys/devices/system/cpu/isolated', '/sys/devices/system/cpu/nohz_full']),
    },
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    mounts: mounts(read('/proc/self/mounts')),
    interfaces: interfaces(),
    pins: pins(),
    programs: attempt(loadedPrograms),
    balancerConfiguration: validity('/etc/weir/balance.yaml'),
    serveConfiguration: serveOutline('/etc/weir/serve.yaml'),
  };
}

/** File systems that Weir needs. A place outside /sys is its owner's, and not named. */
export function mounts(text: string): object[] {
  const kinds = ['bpf', 'tracefs', 'debugfs', 'cgroup', 'cgroup2'];
  return text
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , type = '']) => kinds.includes(type))
    .map(([, place = '', type, options = '']) => ({
      type,
      place: place.startsWith('/sys/') ? place : '<elsewhere>',
      mode: options.slice(0, 2),
    }));
}

function interfaces(): object[] {
  return list('/sys/class/net').map((name, index) => ({
    name: name === 'lo' ? name : `interface ${index + 1}`,
    driver: attempt(() => basename(readlinkSync(`/sys/class/net/${name}/device/driver`))),
    mtu: read(`/sys/class/net/${name}/mtu`),
    xdp: attempt(() => xdpOf(name)),
  }));
}

/** How much each balancer has pinned, and its programs; the balancer's own name is its owner's. */
function pins(): object[] {
  const root = '/sys/fs/bpf/weir';
  return list(root).map((name, index) => ({
    name: `balancer ${index + 1}`,
    pinned: list(`${root}/${name}`).length,
    programs: attempt(() => pinnedPrograms(`${root}/${name}`)),
  }));
}
