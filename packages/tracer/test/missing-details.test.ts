import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CapabilityName } from '@weir/ebpf/sys';
import { type DetailsView, missingDetails } from '../src/enrich/missing-details.js';

describe('details of processes', () => {
  const none = new Set<CapabilityName>();
  const view = (more: Partial<DetailsView> = {}): DetailsView => ({
    pidNamespace: 'initial',
    effective: none,
    hidesOthers: () => false,
    ...more,
  });

  it('are all there with CAP_SYS_PTRACE, whatever procfs hides from others', () => {
    const effective = new Set<CapabilityName>(['CAP_SYS_PTRACE']);
    assert.equal(missingDetails(view({ effective, hidesOthers: () => true })), undefined);
  });

  it('without that capability lack the executables of other users, which is said', () => {
    assert.match(missingDetails(view()) ?? '', /^no executables of other users' .*CAP_SYS_PTRACE; run it/);
  });

  it('under hidepid are those of the own user only, which is said', () => {
    assert.match(missingDetails(view({ hidesOthers: () => true })) ?? '', /^no details of other .* hidepid/);
  });

  it('are missing in a pid namespace of its own, and where that is not known', () => {
    assert.match(
      missingDetails(view({ pidNamespace: 'other' })) ?? '',
      /^no details of processes: .*--pid=host/,
    );
    assert.match(
      missingDetails(view({ pidNamespace: 'unknown' })) ?? '',
      /^no details of processes: .*procfs/,
    );
  });
});
