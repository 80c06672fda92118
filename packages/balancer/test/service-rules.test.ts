/** Rules for services, without a kernel. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { serviceProblems, translationProblems, type WholeService } from '../src/service-rules.js';

const tcp4: WholeService = {
  address: '198.51.100.1',
  port: 80,
  protocol: 'tcp',
  reals: [{ address: '10.0.0.1' }],
};
const tcp6: WholeService = { ...tcp4, address: '2001:db8::1', reals: [{ address: 'fd00::1' }] };

/** The problems, each as `INDEX PATH: MESSAGE`. */
const found = (...services: WholeService[]): string[] =>
  serviceProblems(services).map(({ index, path, message }) => `${index} ${path.join('.')}: ${message}`);

describe('rules of services', () => {
  it('services may differ in address, port or protocol', () => {
    assert.deepEqual(found(tcp4, tcp6, { ...tcp4, port: 81 }, { ...tcp4, protocol: 'udp' }), []);
  });

  it('a duplicate service is refused, however its address is written', () => {
    assert.deepEqual(found(tcp6, { ...tcp6, address: '2001:db8:0::1' }), [
      '1 : VIP [2001:db8:0::1]:80/tcp is listed twice',
    ]);
  });

  it('a duplicate real is refused, unless NAT gives it different ports', () => {
    const [real] = tcp4.reals;
    assert.deepEqual(found({ ...tcp4, reals: [real!, real!] }), [
      '0 reals.1.address: real 10.0.0.1 is listed twice',
    ]);
    const reals = [1, 2, 2].map((port) => ({ ...real!, port }));
    assert.deepEqual(found({ ...tcp4, forwarding: 'nat', reals }), [
      '0 reals.2.address: real 10.0.0.1 port 2 is listed twice',
    ]);
  });

  it('services that a tunnel cannot serve are refused', () => {
    assert.deepEqual(found({ ...tcp6, reals: [{ address: '10.0.0.1', port: 8080 }] }), [
      "0 reals.0.port: port: a real's own port needs forwarding: nat, since a tunnel keeps the VIP's port",
    ]);
  });

  it('tunnels take each family to reals of both', () => {
    assert.deepEqual(found({ ...tcp6, reals: [{ address: '10.0.0.1' }, { address: 'fd00::1' }] }), []);
    assert.deepEqual(found({ ...tcp4, reals: tcp6.reals }), []);
  });

  it('services that NAT cannot serve are refused', () => {
    assert.deepEqual(found({ ...tcp4, forwarding: 'nat', reals: [{ address: 'fd00::1', local: true }] }), [
      '0 reals.0.address: real fd00::1: NAT does not change between IPv4 and IPv6',
      '0 reals.0.local: a local real gets packets unchanged, so it cannot have forwarding: nat',
    ]);
  });

  it('weights that are not whole numbers up to 2^31 are refused', () => {
    const weights = [0, 1, 2 ** 31, -1, 1.5, Number.NaN, 2 ** 31 + 1];
    const reals = weights.map((weight, i) => ({ address: `10.0.0.${i}`, weight }));
    assert.deepEqual(
      serviceProblems([{ ...tcp4, reals }]).map(({ path }) => path.join('.')),
      [3, 4, 5, 6].map((index) => `reals.${index}.weight`),
    );
  });

  it('a real that is local in one service only is refused', () => {
    const local = { ...tcp4, port: 81, reals: [{ address: '10.0.0.1', local: true }] };
    assert.deepEqual(found(tcp4, local), ['1 reals.0.address: real 10.0.0.1 is not local in another VIP']);
    assert.deepEqual(found(local, tcp4), ['1 reals.0.address: real 10.0.0.1 is local in another VIP']);
  });
});

describe('rules of translated services', () => {
  const nat4: WholeService = { ...tcp4, forwarding: 'nat' };
  const problems = (service: WholeService, sources?: readonly { ipv6: boolean }[]): string[] =>
    translationProblems([service], sources).map(({ path, message }) => `${path.join('.')}: ${message}`);

  it('a translated service needs a source of its family', () => {
    assert.deepEqual(problems(nat4), [
      'forwarding: forwarding: nat needs nat.sources, addresses of the balancer itself',
    ]);
    assert.deepEqual(problems(nat4, [{ ipv6: true }]), [
      'forwarding: forwarding: nat needs an IPv4 address in nat.sources',
    ]);
    assert.deepEqual(problems(nat4, [{ ipv6: true }, { ipv6: false }]), []);
    assert.deepEqual(problems(tcp4), []);
  });

  it('a translated service with the flag local is refused', () => {
    assert.deepEqual(problems({ ...nat4, flags: ['quic', 'local'] }, [{ ipv6: false }]), [
      'flags.1: the flag local delivers packets to this host, so it excludes forwarding: nat',
    ]);
  });
});
