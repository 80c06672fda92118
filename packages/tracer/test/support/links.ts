/** Two network namespaces of a test's own, joined by a kind of link that containers are joined by. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { TestNetns } from './netns.js';

/** A kind of link, and the kernel's option that it needs. */
interface LinkKind {
  readonly option: string;
  /** Makes a device `eth` in both namespaces; `parent` is a third one, which is there for both. */
  join(parent: TestNetns, left: TestNetns, right: TestNetns): void;
}

/** Devices on top of one device of the parent's, each moved to its namespace. */
function onParent(...kind: readonly string[]): LinkKind['join'] {
  return (parent, left, right) => {
    // Not every kernel has a dummy device.
    parent.ip('link', 'add', 'lower', 'type', 'veth', 'peer', 'name', 'lower-end');
    for (const device of ['lower', 'lower-end']) parent.ip('link', 'set', device, 'up');
    for (const [index, netns] of [left, right].entries()) {
      parent.ip('link', 'add', 'link', 'lower', 'name', `up${index}`, 'type', ...kind);
      parent.ip('link', 'set', `up${index}`, 'netns', netns.name, 'name', 'eth');
    }
  };
}

export const linkKinds = {
  veth: {
    option: 'CONFIG_VETH',
    join: (_parent, left, right) => {
      const peer = ['peer', 'name', 'eth', 'netns', right.name];
      left.ip('link', 'add', 'eth', 'type', 'veth', ...peer);
    },
  },
  macvlan: { option: 'CONFIG_MACVLAN', join: onParent('macvlan', 'mode', 'bridge') },
  'ipvlan, layer 2': { option: 'CONFIG_IPVLAN', join: onParent('ipvlan', 'mode', 'l2') },
  'ipvlan, layer 3': { option: 'CONFIG_IPVLAN', join: onParent('ipvlan', 'mode', 'l3') },
} as const satisfies Readonly<Record<string, LinkKind>>;

export type LinkKindName = keyof typeof linkKinds;

export const leftAddresses = { 4: '10.77.0.1', 6: 'fd00:77::1' } as const;
export const rightAddresses = { 4: '10.77.0.2', 6: 'fd00:77::2' } as const;

/** Two namespaces joined by a link. Both ends have an IPv4 and an IPv6 address, the same ones in every pair. */
export class NetnsPair implements Disposable {
  readonly left: TestNetns;
  readonly right: TestNetns;
  readonly #stack = [] as TestNetns[];

  constructor(kind: LinkKindName) {
    try {
      const [parent, left, right] = [this.#add(), this.#add(), this.#add()];
      [this.left, this.right] = [left, right];
      linkKinds[kind].join(parent, left, right);
      for (const [netns, addresses] of [
        [left, leftAddresses],
        [right, rightAddresses],
      ] as const) {
        netns.ip('link', 'set', 'eth', 'up');
        netns.ip('addr', 'add', `${addresses[4]}/24`, 'dev', 'eth');
        netns.ip('addr', 'add', `${addresses[6]}/64`, 'dev', 'eth', 'nodad');
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  #add(): TestNetns {
    const netns = new TestNetns();
    this.#stack.push(netns);
    return netns;
  }

  [Symbol.dispose](): void {
    for (const netns of this.#stack.reverse()) netns[Symbol.dispose]();
  }
}

/**
 * A pair joined by this kind of link. Where the kernel lacks it, the test is skipped and there is none; on a kernel of
 * the lab, all of which are to have it, the test fails.
 */
export function requirePair(t: TestContext, kind: LinkKindName): NetnsPair | undefined {
  try {
    return new NetnsPair(kind);
  } catch (error) {
    const said = String((error as { stderr?: unknown }).stderr ?? '');
    if (!/Unknown device type|not supported/i.test(said)) throw error;
    const { WEIR_LAB_KERNEL: lab } = process.env;
    const message = `needs ${linkKinds[kind].option}, which this kernel is built without`;
    assert.equal(lab, undefined, `${message}: kernel ${lab} of the lab ought to have it`);
    t.skip(message);
    return undefined;
  }
}
