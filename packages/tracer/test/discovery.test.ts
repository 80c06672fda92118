/** The solver: every field wherever it is, and nothing where what was seen does not prove it. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Kind } from '@weir/ebpf';
import { type FieldName, knownFields } from '../src/discovery/fields.js';
import { Image } from '../src/discovery/image.js';
import type { Observations } from '../src/discovery/observations.js';
import { type Solution, solve } from '../src/discovery/solve.js';
import { isPointer, pointersIn } from '../src/discovery/solve-pointers.js';
import { toBtf } from '../src/discovery/types.js';
import { placeOf } from './support/layout.js';
import { fixtures, readRecording } from './support/recorded.js';
import { expectedFields, Random, randomLayout, SyntheticKernel } from './support/synthetic.js';

const nothing: Observations = { images: [], pointers: [], tasks: [], taskCopies: new Map() };

function observationsOf({ images, pointers, tasks, taskCopies }: Observations): Observations {
  return { images, pointers, tasks, taskCopies };
}

function offsets({ found }: Solution): Record<string, number> {
  return Object.fromEntries(found.map(({ field, offset }) => [field, offset]));
}

function synthetic(seed: number): SyntheticKernel {
  const random = new Random(seed);
  return new SyntheticKernel(randomLayout(random), random);
}

/** Asserts that a change makes these fields unknown, and no field wrong. */
function assertMissing(kernel: SyntheticKernel, ...names: FieldName[]): void {
  const { found, missing } = solve(kernel.observations);
  for (const name of names) assert.ok(missing.has(name), `${name} was found`);
  for (const { field, offset } of found) assert.equal(offset, kernel.layout[field], field);
}

describe('the solver on recorded kernels', () => {
  const files = readdirSync(fixtures).filter((name) => name.startsWith('discovery-'));
  assert.ok(files.length > 0);
  for (const name of files) {
    it(name, () => {
      const recording = readRecording(join(fixtures, name));
      assert.deepEqual(
        offsets(solve(recording.observations)),
        recording.offsets,
        `${recording.kernel}: ${JSON.stringify([...solve(recording.observations).missing])}`,
      );
    });
  }
});

describe('the solver on synthetic kernels', () => {
  it('finds fields anywhere', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const kernel = synthetic(seed);
      const solution = solve(kernel.observations);
      const why = `seed ${seed}: ${JSON.stringify([...solution.missing])}`;
      assert.deepEqual(offsets(solution), expectedFields(kernel.layout), why);
    }
  });

  it('rejects a value that is in two places', () => {
    const twins: [FieldName, number][] = [
      ['segs_in', 4],
      ['total_retrans', 4],
      ['srtt_us', 4],
      ['bytes_acked', 8],
      ['snd_una', 4],
      ['rcv_nxt', 4],
      ['write_seq', 4],
      ['skc_flags', 8],
    ];
    for (const [field, size] of twins) {
      const kernel = synthetic(100);
      const from = kernel.layout[field];
      kernel.spoil((view) => {
        for (let byte = 0; byte < size; byte++) view.setUint8(3000 + byte, view.getUint8(from + byte));
      });
      assertMissing(kernel, field);
    }
  });

  it('distinguishes a pair from copies of its halves', () => {
    const kernel = synthetic(101);
    const { skc_daddr, skc_rcv_saddr, skc_dport, skc_num } = kernel.layout;
    kernel.spoil((view) => {
      view.setUint32(3000, view.getUint32(skc_rcv_saddr));
      view.setUint32(3004, view.getUint32(skc_daddr));
      view.setUint16(3008, view.getUint16(skc_dport));
      view.setUint16(3012, view.getUint16(skc_num));
    });
    assert.deepEqual(offsets(solve(kernel.observations)), expectedFields(kernel.layout));
  });

  it('rejects a pair that has a whole copy', () => {
    const kernel = synthetic(102);
    const { skc_daddr } = kernel.layout;
    kernel.spoil((view) => {
      view.setUint32(3000, view.getUint32(skc_daddr));
      view.setUint32(3004, view.getUint32(skc_daddr + 4));
    });
    assertMissing(kernel, 'skc_daddr', 'skc_rcv_saddr');
  });

  it('rejects a value that is wrong once', () => {
    for (const { field, struct } of knownFields) {
      if (['net', 'socket', 'file', 'task_struct'].includes(struct)) continue;
      if (field === 'skc_net' || field === 'sk_socket' || field.startsWith('skc_v6')) continue;
      const kernel = synthetic(103);
      kernel.spoil((view, _, index) => {
        const at = kernel.layout[field];
        // The fourth is of an IPv4 socket and has counters.
        if (index === 3) view.setUint8(at, view.getUint8(at) ^ 0xff);
      });
      assertMissing(kernel, field);
    }
  });

  it('needs enough different values', () => {
    const kernel = synthetic(104);
    const same = { ...kernel.images[0]!.counters!, totalRetrans: 0, segsIn: 7, rttUs: 40 };
    const observations: Observations = {
      ...nothing,
      images: kernel.images.map((seen) => ({ ...seen, counters: same, error: 0 })),
    };
    const { missing } = solve(observations);
    for (const name of ['total_retrans', 'segs_in', 'srtt_us', 'sk_err'] as const)
      assert.match(missing.get(name)!, /different values were set/);
    for (const name of ['skc_net', 'sk_socket'] as const) assert.ok(missing.has(name));
  });

  it('finds nothing without observations', () => {
    const { found, missing } = solve(nothing);
    assert.deepEqual(found, []);
    assert.equal(missing.size, knownFields.length);
  });

  it('finds nothing in noise', () => {
    const kernel = synthetic(105);
    const random = new Random(1);
    kernel.spoil((view) => {
      for (let offset = 0; offset < view.byteLength; offset++) view.setUint8(offset, random.below(256));
    });
    const { found } = solve({ ...nothing, images: kernel.images });
    assert.deepEqual(found, []);
  });

  it('finds the other fields without IPv6', () => {
    const kernel = synthetic(106);
    const images = kernel.images.filter(({ family }) => family === 2);
    const solution = solve({ ...observationsOf(kernel), images });
    const { skc_v6_daddr, skc_v6_rcv_saddr, ...others } = expectedFields(kernel.layout);
    assert.deepEqual(offsets(solution), others);
    assert.equal(solution.found.find(({ field }) => field === 'skc_family')?.how, 'structure');
  });

  it('finds fields although parts could not be read', () => {
    const kernel = synthetic(107);
    const { bytes_acked } = kernel.layout;
    const images = kernel.images.map((seen) => {
      const { address, bytes } = seen.image;
      const readable = Array.from({ length: 16 }, (_, chunk) => chunk !== Math.floor(bytes_acked / 256));
      return { ...seen, image: new Image(address, bytes, readable) };
    });
    const { missing } = solve({ ...nothing, images });
    assert.ok(missing.has('bytes_acked'));
  });

  it('needs observations from two namespaces unless only one pointer fits', () => {
    const kernel = synthetic(108);
    const [first, second] = kernel.pointers;
    const net = first!.image.u64(kernel.layout.skc_net);
    new DataView(first!.copies.get(net)!.bytes.buffer).setUint32(500, first!.netns!, true);
    const alone = solve({ ...nothing, images: kernel.images, pointers: [first!] });
    assert.equal(alone.missing.get('skc_net'), '2 offsets fit what was known');
    const both = solve({ ...nothing, images: kernel.images, pointers: [first!, second!] });
    assert.equal(offsets(both).inum, kernel.layout.inum);
  });
});

describe('the fields of a task', () => {
  const fieldsOfTasks = ['flags', 'pid', 'tgid', 'comm', 'group_leader'] as const;

  it('are missing if only the task of the process was seen', () => {
    const kernel = synthetic(120);
    const tasks = kernel.tasks.slice(0, 2);
    const { found, missing } = solve({ ...observationsOf(kernel), tasks });
    assert.ok(missing.has('pid') && missing.has('group_leader'));
    assert.deepEqual(found.find(({ field }) => field === 'comm')?.offset, kernel.layout.comm);
  });

  it('are missing if they are wrong once', () => {
    for (const field of fieldsOfTasks) {
      const kernel = synthetic(121);
      const { bytes } = kernel.tasks[2]!.image;
      bytes[kernel.layout[field] + 2]! ^= 0xff;
      assertMissing(kernel, field);
    }
  });

  it('are missing if they are in two places', () => {
    for (const field of fieldsOfTasks) {
      const kernel = synthetic(122);
      for (const { image } of kernel.tasks) {
        const from = kernel.layout[field];
        image.bytes.copyWithin(6400, from, from + 16);
      }
      if (field === 'group_leader') {
        const leader = kernel.tasks[0]!.image;
        const address = leader.address + 6400n;
        kernel.taskCopies.set(address, new Image(address, leader.bytes.slice(6400, 6912), [true, true]));
      }
      // tgid alone is in no pair.
      if (field === 'tgid') assert.ok(!solve(kernel.observations).missing.has(field));
      else assertMissing(kernel, field);
    }
  });

  it('are not mistaken for what the tasks behind them in memory hold by chance', () => {
    for (const distance of [56, 64]) {
      const random = new Random(124);
      const layout = { ...randomLayout(random), pid: 1008, tgid: 1012, group_leader: 1008 + distance };
      const kernel = new SyntheticKernel(layout, random);
      const leader = kernel.tasks[0]!.image;
      for (const { image } of kernel.tasks)
        new DataView(image.bytes.buffer).setBigUint64(7216, leader.address, true);
      const address = leader.address + 7216n;
      kernel.taskCopies.set(address, new Image(address, leader.bytes.slice(7216, 7728), [true, true]));
      const found = solve(kernel.observations).found.find(({ field }) => field === 'group_leader');
      assert.equal(found?.offset, layout.group_leader);
      assert.deepEqual([found.how, found.candidates], ['structure', 2]);
    }
  });

  it('do not lead to a task of another process, or to one that leads elsewhere', () => {
    for (const field of ['pid', 'group_leader'] as const) {
      const kernel = synthetic(123);
      const address = kernel.tasks[0]!.image.address + BigInt(kernel.layout[field]);
      kernel.taskCopies.get(address)!.bytes[0]! ^= 0xff;
      assertMissing(kernel, 'group_leader');
    }
  });
});

describe('the field of the device', () => {
  it('is behind the family, the state and a byte where only loopback exists and another place follows, too', () => {
    let number = 124;
    // A field of four bytes is aligned.
    while (randomLayout(new Random(number)).skc_family % 4 !== 0) number++;
    const kernel = synthetic(number);
    const at = kernel.layout.skc_family + 4;
    const images = kernel.images.map((seen, index) => ({ ...seen, boundDevice: index % 2 }));
    images.forEach(({ image, boundDevice }) => {
      const view = new DataView(image.bytes.buffer);
      for (const offset of [at, 3000]) view.setUint32(offset, boundDevice, true);
    });
    const found = solve({ ...nothing, images }).found.find(({ field }) => field === 'skc_bound_dev_if');
    assert.deepEqual([found?.offset, found?.how, found?.candidates], [at, 'structure', 2]);
  });
});

describe('the field of the protocol', () => {
  /** A kernel with these bytes where the protocol was. */
  function withBytes(...bytes: number[]): { offset: number; size: number } | undefined {
    const kernel = synthetic(109);
    const at = kernel.layout.sk_protocol & ~3;
    kernel.spoil((view) => {
      view.setUint32(kernel.layout.sk_protocol, 0);
      bytes.forEach((byte, index) => {
        view.setUint8(at + index, byte);
      });
    });
    const found = solve(kernel.observations).found.find(({ field }) => field === 'sk_protocol');
    return found && { offset: found.offset - at, size: found.size };
  }

  it('is the second of two numbers, the first, or a byte before the type', () => {
    assert.deepEqual(withBytes(1, 0, 6, 0), { offset: 2, size: 2 });
    assert.deepEqual(withBytes(6, 0, 1, 0), { offset: 0, size: 2 });
    assert.deepEqual(withBytes(0xc0, 6, 1, 0), { offset: 1, size: 1 });
    assert.equal(withBytes(1, 0, 17, 0), undefined);
  });
});

describe('pointers in images', () => {
  it('are aligned addresses of the kernel that are no error numbers', () => {
    const known = 0xffff_8881_0000_0000n;
    assert.ok(isPointer(0xffff_ffff_83c4_9f00n, known));
    for (const word of [
      0n,
      0x7fff_ffff_f000n,
      0xffff_8881_0000_0004n,
      0xffff_ffff_ffff_fff0n,
      0xff11_0000_0000_0000n,
    ])
      assert.ok(!isPointer(word, known), word.toString(16));
    assert.ok(isPointer(0xff11_0000_0000_0000n, 0xff11_0001_0000_0000n));
  });

  it('into the object itself are not followed', () => {
    const image = new Image(0xffff_8881_0000_0000n, new Uint8Array(256), [true]);
    const view = new DataView(image.bytes.buffer);
    view.setBigUint64(8, image.address + 64n, true);
    view.setBigUint64(16, image.address + 0x10_0000n, true);
    assert.deepEqual([...pointersIn(image).keys()], [16]);
  });
});

describe('types of discovered fields', () => {
  it('have every field at its offset', () => {
    const kernel = synthetic(110);
    const { found } = solve(kernel.observations);
    const btf = toBtf(found, 'x64');
    for (const field of knownFields) {
      assert.deepEqual(
        placeOf(btf, field),
        { offset: kernel.layout[field.field], size: field.size },
        field.field,
      );
    }
    assert.ok(btf.find('sock_flags', Kind.enum) !== undefined);
    assert.deepEqual(placeOf(btf, { struct: 'pt_regs' as 'file', field: 'di' as FieldName }), {
      offset: 112,
      size: 8,
    });
  });

  it('have no field that was not found', () => {
    const btf = toBtf([], 'arm64');
    for (const field of knownFields) assert.equal(placeOf(btf, field), undefined);
    assert.equal(btf.find('sock_flags', Kind.enum), undefined);
  });
});
