/** Why a kernel lacks what its version has. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reasonOfAbsence } from '../src/features/build-options.js';
import { parseKernelConfig } from '../src/features/config.js';

const kernel = (minor: number, config?: string, machine = 'x64') => ({
  version: { major: 6, minor, patch: 0, code: (6 << 16) | (minor << 8) },
  machine,
  config: config === undefined ? undefined : parseKernelConfig(config),
});
const all = ['BPF_JIT', 'DEBUG_INFO_BTF', 'FUNCTION_TRACER', 'BPF_LSM', 'KPROBES']
  .map((name) => `CONFIG_${name}=y\n`)
  .join('');

describe('the reason why a kernel lacks a feature', () => {
  it('is its version, of which nothing more is said', () => {
    assert.equal(reasonOfAbsence('kprobe_multi', '6.2', kernel(1, '')), undefined);
  });

  it('is the options of the build that are off', () => {
    assert.equal(reasonOfAbsence('kprobe_multi', '5.18', kernel(1, all)), 'built without CONFIG_FPROBE');
    assert.equal(
      reasonOfAbsence('fentry', '5.5', kernel(1, 'CONFIG_BPF_JIT=y\n# CONFIG_FUNCTION_TRACER is not set\n')),
      'built without CONFIG_DEBUG_INFO_BTF and CONFIG_FUNCTION_TRACER',
    );
  });

  it('is what it takes, where its options cannot be read', () => {
    assert.equal(
      reasonOfAbsence('fexit', '5.5', kernel(1)),
      'takes a kernel with CONFIG_BPF_JIT, CONFIG_DEBUG_INFO_BTF and CONFIG_FUNCTION_TRACER',
    );
    assert.equal(
      reasonOfAbsence('lsm', '5.7', kernel(1)),
      'takes a kernel with CONFIG_BPF_LSM, and bpf in lsm= on its command line',
    );
  });

  it('is the command line, where the build has the option', () => {
    assert.equal(
      reasonOfAbsence('lsm', '5.7', kernel(1, all)),
      'started without bpf in lsm= on its command line',
    );
    assert.equal(reasonOfAbsence('kprobes', '4.1', kernel(1, all)), undefined);
  });

  it('is the machine, where arm64 has it in a later version', () => {
    assert.equal(reasonOfAbsence('fentry', '5.5', kernel(3, all, 'arm64')), 'on arm64 since 6.4');
    assert.equal(reasonOfAbsence('fentry', '5.5', kernel(4, '', 'arm64'))?.startsWith('built without'), true);
  });

  it('is not known of a feature that no option brings', () => {
    assert.equal(reasonOfAbsence('map_freeze', '5.2', kernel(1, '')), undefined);
  });
});
