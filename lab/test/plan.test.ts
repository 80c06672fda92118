import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isForArm64 } from '../src/suite/arm64-share.js';
import { classify, findPrograms, findTestFiles, type GuestChoice, guestJobs } from '../src/suite/plan.js';

describe('the test plan', () => {
  const files = classify([
    'packages/a/dist/test/one.test.js',
    'packages/a/dist/test/two.root.test.js',
    'packages/a/dist/test/three.noipv6.root.test.js',
    'packages/a/dist/test/ring.small.root.test.js',
    'packages/a/dist/test/four.host.root.test.js',
    'packages/a/dist/test/guest.boot.test.js',
    'packages/a/dist/test/support/helper.js',
  ]);

  test('sorts files by where they run', () => {
    assert.deepEqual(files, {
      unit: ['packages/a/dist/test/one.test.js'],
      root: ['packages/a/dist/test/two.root.test.js', 'packages/a/dist/test/ring.small.root.test.js'],
      host: ['packages/a/dist/test/four.host.root.test.js'],
      boot: ['packages/a/dist/test/guest.boot.test.js'],
      special: { noipv6: ['packages/a/dist/test/three.noipv6.root.test.js'] },
    });
  });

  test('boots every kernel once for each way of booting that has files', () => {
    const jobs = guestJobs(files, { kernels: ['6.1', '6.12'] });
    assert.deepEqual(
      jobs.map(({ name, smp, append }) => [name, smp, append]),
      [
        ['6.1', 1, undefined],
        ['6.1 noipv6', 1, 'ipv6.disable=1'],
        ['6.12', 2, undefined],
        ['6.12 noipv6', 1, 'ipv6.disable=1'],
      ],
    );
    assert.deepEqual(guestJobs(classify([]), { kernels: ['6.1'] }), []);
  });

  test('runs files that need a locked-down kernel last in the guest, which they lock down', () => {
    const some = classify([
      'packages/a/dist/test/one.lockdown.root.test.js',
      'packages/a/dist/test/two.root.test.js',
    ]);
    const [job, ...others] = guestJobs(some, { kernels: ['6.1'] });
    assert.deepEqual(others, []);
    assert.deepEqual(job?.files, [
      'packages/a/dist/test/two.root.test.js',
      'packages/a/dist/test/one.lockdown.root.test.js',
    ]);
    assert.deepEqual(job?.before, {
      'packages/a/dist/test/one.lockdown.root.test.js': 'echo confidentiality >/sys/kernel/security/lockdown',
    });
  });

  test('runs version-independent files on the newest kernel only, unless a kernel is named or the matrix is asked for', () => {
    const some = classify([
      'packages/a/dist/test/one.newest.root.test.js',
      'packages/a/dist/test/two.root.test.js',
    ]);
    const counts = (choice: GuestChoice) =>
      guestJobs(some, choice).map(({ name, files: { length } }) => `${name}: ${length}`);
    assert.deepEqual(counts({}), ['5.10: 1', '7: 1', '7 newest: 1']);
    assert.deepEqual(counts({ kernels: ['6.1'] }), ['6.1: 2']);
    assert.ok(counts({ matrix: true }).every((line) => line.endsWith(': 2')));
  });

  test('leaves to this machine what it shows as well as the newest kernel', () => {
    const some = classify([
      'packages/cli/dist/test/balance-reals.newest.root.test.js',
      'packages/cli/dist/test/memlock.root.test.js',
      'packages/cli/dist/test/trace.noipv6.root.test.js',
      'packages/tracer/dist/test/types.newest.root.test.js',
    ]);
    const jobs = (choice: GuestChoice) =>
      guestJobs(some, choice).map(({ name, files: { length } }) => `${name}: ${length}`);
    assert.deepEqual(jobs({}), [...['5.10-nobtf: 1', '5.10: 1', '5.10 noipv6: 1', '7: 1', '7 noipv6: 1']]);
    assert.deepEqual(jobs({ kernels: ['6.12'] }), ['6.12: 3', '6.12 noipv6: 1']);
    assert.ok(jobs({ matrix: true }).every((line) => /noipv6: 1$|: 3$/.test(line)));
  });

  test('its files that this machine shows as well are there', () => {
    const { root } = findTestFiles();
    const [onHost, inGuests] = [
      root.filter((path) => path.includes('.newest.')),
      guestJobs({ unit: [], root, host: [], boot: [], special: {} })
        .filter(({ name }) => name === '7 newest')
        .flatMap(({ files }) => files),
    ];
    assert.equal(onHost.length - inGuests.length, 23);
  });

  test('runs what the kernel decides on a kernel between others, and all where it is named or the matrix is asked for', () => {
    const some = classify([
      'packages/balancer/dist/test/options.root.test.js',
      'packages/cli/dist/test/kill.root.test.js',
      'packages/cli/dist/test/trace.newest.root.test.js',
      'packages/cli/dist/test/trace.noipv6.root.test.js',
    ]);
    const own = (choice: GuestChoice) =>
      guestJobs(some, choice)
        .filter(({ kernel }) => kernel === '6.18')
        .flatMap(({ files }) => files);
    assert.deepEqual(own({}), ['packages/balancer/dist/test/options.root.test.js']);
    assert.equal(own({ matrix: true }).length, 4);
    assert.equal(own({ kernels: ['6.18'] }).length, 4);
  });

  test('its files of what the kernel decides are there', () => {
    const { root } = findTestFiles();
    const jobs = guestJobs({ unit: [], root, host: [], boot: [], special: {} });
    const count = (name: string) => jobs.find(({ kernel }) => kernel === name)?.files.length;
    assert.equal(count('6.1'), 22);
    assert.equal(count('6.18'), 15, 'without what its neighbours run');
    assert.equal(count('6.12'), 26, 'and of what two CPUs decide');
  });

  test('runs a share of the files on one arm64 kernel, and in the matrix every file on all of them', () => {
    const some = classify([
      'lab/dist/test/environment.root.test.js',
      'packages/a/dist/test/one.root.test.js',
      'packages/a/dist/test/two.newest.root.test.js',
    ]);
    const onArm64 = (choice: GuestChoice) =>
      guestJobs(some, choice)
        .filter(({ kernel }) => kernel.endsWith('-arm64'))
        .map(({ name, files: { length } }) => `${name}: ${length}`);
    assert.deepEqual(onArm64({}), ['6.1-arm64: 1']);
    const there = findTestFiles().root.filter(isForArm64);
    assert.equal(there.length, 13, 'the files of the share are there, under their names');
    assert.deepEqual(onArm64({ matrix: true }), ['6.1-arm64: 3', '6.12-arm64: 3', '7-arm64: 3']);
    assert.deepEqual(onArm64({ kernels: ['7-arm64'] }), ['7-arm64: 3']);
  });

  test('knows the programs that tests of the same package start', () => {
    assert.ok(
      findPrograms(['packages/tracer/dist/test/pairs.root.test.js']).includes(
        'packages/tracer/dist/test/support/talk-program.js',
      ),
    );
    assert.deepEqual(findPrograms(['packages/none/dist/test/one.test.js']), []);
  });

  test('boots no guest for files that need programs of this machine', () => {
    const some = classify(['packages/a/dist/test/one.host.root.test.js']);
    assert.equal(some.host.length, 1);
    for (const choice of [{}, { matrix: true }, { kernels: ['7'] }])
      assert.deepEqual(guestJobs(some, choice), []);
  });

  test("runs only the lab's files and those of the tracer that kernel types matter to on a kernel that is built, unless that kernel is asked for", () => {
    const some = classify([
      'lab/dist/test/environment.root.test.js',
      'packages/cli/dist/test/doctor.lockdown.root.test.js',
      'packages/cli/dist/test/trace.noipv6.root.test.js',
      'packages/ebpf/dist/test/map.root.test.js',
      'packages/tracer/dist/test/owners.newest.root.test.js',
      'packages/tracer/dist/test/pairs.root.test.js',
      'packages/tracer/dist/test/types.newest.root.test.js',
    ]);
    const built = (choice: GuestChoice) =>
      guestJobs(some, choice)
        .filter(({ kernel }) => kernel === '5.10-nobtf')
        .map(({ name, files: { length } }) => [name, length]);
    assert.deepEqual(built({}), [['5.10-nobtf', 3]]);
    const everything = [
      ['5.10-nobtf', 5],
      ['5.10-nobtf noipv6', 1],
    ];
    assert.deepEqual(built({ matrix: true }), everything);
    assert.deepEqual(built({ kernels: ['5.10-nobtf'] }), everything);
  });
});
