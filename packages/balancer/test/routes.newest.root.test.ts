/** Routes of VIPs, in a network namespace of the test, as iproute2 shows them. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { OptionError } from '@weir/ebpf';
import { Namespace, unshare } from '@weir/ebpf/sys';
import { Announcer } from '../src/announce/announcer.js';
import { ROUTE_PROTOCOL, VipRoutes, type VipRoutesOptions } from '../src/announce/routes.js';
import type { ServiceHealth } from '../src/health/checked-services.js';
import { ip } from './support/network.js';

const TABLE = 5119;
unshare(Namespace.net);
ip('link set lo up');

function open(options: Partial<VipRoutesOptions> = {}): VipRoutes {
  return new VipRoutes({ table: TABLE, ...options });
}

/** A route in the output of `ip -j`. */
interface Route {
  readonly type?: string;
  readonly dst: string;
  readonly protocol: string;
  readonly table?: string;
}

/** The routes of both families, as `TYPE DESTINATION`. */
function routes(table = TABLE): string[] {
  return ['-4', '-6'].flatMap((family) => {
    const text = ip(`-j ${family} route show table all`);
    const all = JSON.parse(text || '[]') as Route[];
    const list = all.filter((route) => route.table === String(table));
    assert.ok(list.every(({ protocol }) => protocol === String(ROUTE_PROTOCOL)));
    return list.map(({ type = 'unicast', dst }) => `${type} ${dst}`);
  });
}

function health(address: string, state: ServiceHealth['state'], port = 80): ServiceHealth {
  return { service: { address, port, protocol: 'tcp' }, state, up: 1, reals: [] };
}

describe('routes of VIPs', () => {
  beforeEach(() => {
    using all = open();
    all.keepOnly([]);
  });

  it('routes are added and removed repeatedly', () => {
    using vips = open();
    for (const isThere of [true, true]) vips.set('192.0.2.1', isThere);
    vips.set('198.51.100.0/24', true);
    vips.set('2001:db8::1', true);
    assert.deepEqual(routes(), ['blackhole 192.0.2.1', 'blackhole 198.51.100.0/24', 'blackhole 2001:db8::1']);
    for (const isThere of [false, false]) vips.set('192.0.2.1', isThere);
    vips.set('2001:db8::1', false);
    assert.deepEqual(routes(), ['blackhole 198.51.100.0/24']);
  });

  it('routes have the requested type', () => {
    for (const type of ['unicast', 'local', 'blackhole'] as const) {
      using vips = open({ type });
      vips.set('192.0.2.1', true);
      assert.deepEqual(routes(), [`${type} 192.0.2.1`]);
      vips.set('192.0.2.1', false);
    }
  });

  it('routes outlive their process, and the next one removes unwanted ones', () => {
    open().set('192.0.2.1', true);
    open().set('2001:db8::1', true);
    open({ table: TABLE + 1 }).set('192.0.2.3', true);
    ip(`route add blackhole 192.0.2.2 table ${TABLE} proto static`);
    using next = open();
    next.keepOnly(['2001:DB8:0::1']);
    assert.match(ip(`route show table ${TABLE}`), /^blackhole 192.0.2.2 proto static\s*$/);
    ip(`route del blackhole 192.0.2.2 table ${TABLE}`);
    assert.deepEqual(routes(), ['blackhole 2001:db8::1']);
    assert.deepEqual(routes(TABLE + 1), ['blackhole 192.0.2.3']);
  });

  it('a VIP has a route while one of its services is up', async () => {
    using vips = open();
    const announcer = new Announcer({ routes: vips });
    const web = health('192.0.2.1', 'unknown');
    const secure = health('192.0.2.1', 'unknown', 443);
    vips.set('192.0.2.1', true);
    vips.set('192.0.2.9', true);
    announcer.reconcile([web, secure]);
    assert.deepEqual(routes(), ['blackhole 192.0.2.1'], 'what is not known yet is left as it was');
    const down = { ...web, state: 'down' } as const;
    announcer.follow(down, [down, secure]);
    assert.deepEqual(routes(), ['blackhole 192.0.2.1']);
    announcer.follow({ ...secure, state: 'down' }, [down, { ...secure, state: 'down' }]);
    assert.deepEqual(routes(), []);
    announcer.follow({ ...secure, state: 'up' }, [down, { ...secure, state: 'up' }]);
    assert.deepEqual(routes(), ['blackhole 192.0.2.1']);
    await announcer.withdraw([down]);
    assert.deepEqual(routes(), []);
  });

  it('tables of the kernel are refused', () => {
    assert.throws(() => open({ table: 254 }), OptionError);
    assert.throws(() => open({ table: 0 }), OptionError);
  });
});
