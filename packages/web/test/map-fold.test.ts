import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { addressGroup } from '../src/views/map/address-group.js';
import { failingPart, foldGraph, shownAlone } from '../src/views/map/fold-graph.js';
import { serviceGraph } from '../src/views/map/service-graph.js';
import { answerOf, edge } from './support/map-edges.js';

/** Clients of one service, each of which moves one byte more than the one before. */
const clients = (count: number, address = (index: number) => `10.${index >> 8}.0.${index & 255}`) =>
  Array.from({ length: count }, (_, index) =>
    edge(['address', address(index)], ['group', 'nginx'], { bytes_sent: index + 1 }),
  );

describe('the graph of an answer', () => {
  test('has one link for a pair, with all ports and the time at which it was last seen', () => {
    const { links, services } = serviceGraph([
      answerOf([
        edge(['group', 'curl'], ['group', 'nginx'], { port: 80, connections: 1, handshake_us: 100 }),
        edge(['group', 'curl'], ['group', 'nginx'], {
          ...{ port: 443, connections: 3, failures: 2, handshake_us: 200, bytes_sent: 7 },
          last: '2026-11-26T10:00:01.500000000Z',
        }),
      ]),
    ]);
    assert.equal(links.length, 1);
    const { ports, connections, failures, handshakeUs, last } = links[0]!;
    assert.deepEqual(
      { ports, connections, failures, handshakeUs },
      {
        ...{ ports: [443, 80], connections: 4, failures: 2, handshakeUs: 175 },
      },
    );
    assert.equal(last, Date.parse('2026-11-26T10:00:01.500Z'));
    assert.deepEqual(
      services.map(({ name, bytes_sent }) => [name, bytes_sent]),
      [
        ['curl', 7],
        ['nginx', 7],
      ],
    );
  });

  test('counts an edge once that two answers have, and what a service sends to itself', () => {
    const own = edge(['group', 'a'], ['group', 'a'], { bytes_sent: 5 });
    const { links, services } = serviceGraph([answerOf([own]), answerOf([own])]);
    assert.deepEqual([links.length, services[0]!.bytes_sent], [1, 5]);
  });
});

describe('a folded graph', () => {
  test('is the whole graph where that is small enough', () => {
    const graph = serviceGraph([answerOf(clients(99))]);
    const { nodes, links, hiddenLinks } = foldGraph(graph, { weight: 'bytes' });
    assert.deepEqual([nodes.length, links.length, hiddenLinks], [100, 99, 0]);
    assert.ok(nodes.every(({ group }) => group === undefined));
  });

  test('of 2,000 services has about 100 nodes, the most important alone, and all traffic', () => {
    const graph = serviceGraph([answerOf(clients(2000))]);
    const { nodes, links, nodeOf } = foldGraph(graph, { weight: 'bytes' });
    assert.ok(nodes.length <= 100 && nodes.length > 80, String(nodes.length));
    assert.equal(nodeOf.size, 2001);
    const sum = (all: readonly { readonly bytes_sent: number }[]) =>
      all.reduce((total, { bytes_sent }) => total + bytes_sent, 0);
    assert.equal(sum(links), (2000 * 2001) / 2);
    const alone = shownAlone({ nodes, links, nodeOf, hiddenLinks: 0 });
    assert.ok(alone.has('["group","nginx"]') && alone.has('["address","10.7.0.207"]'));
    const others = nodes.find(({ group }) => group === 'address 10.0.0.0/16')!;
    assert.equal(others.members.length, 256);
    assert.equal(others.bytes_sent, (256 * 257) / 2);
  });

  test('folds services of a host to one node where the map is of several hosts', () => {
    const edges = Array.from({ length: 300 }, (_, index) =>
      edge(['group', `p${index}`], ['group', 'nginx'], { bytes_sent: index + 1 }),
    );
    const answer = answerOf(edges);
    const nodes = answer.nodes.map((node, index) => ({ ...node, host: `h${index % 3}` }));
    const graph = foldGraph(serviceGraph([{ ...answer, nodes }]), { weight: 'bytes' });
    const hosts = graph.nodes.filter(({ group }) => group !== undefined).map(({ name }) => name);
    assert.deepEqual(hosts.sort(), ['h0', 'h1', 'h2']);
  });

  test('has at most 12 groups, however many networks there are', () => {
    const graph = serviceGraph([answerOf(clients(1000, (index) => `${index >> 2}.${index & 3}.0.1`))]);
    const { nodes } = foldGraph(graph, { weight: 'bytes' });
    assert.ok(nodes.length <= 100);
    const all = nodes.find(({ group }) => group === 'address')!;
    assert.ok(all.members.length > 800);
  });

  test('shows what fails alone, however little it moves', () => {
    const failing = edge(['group', 'cron'], ['address', '10.0.0.1'], { failures: 1, connections: 1 });
    const graph = serviceGraph([answerOf([...clients(2000), failing])]);
    const { nodes, links } = foldGraph(graph, { weight: 'bytes', mostLinks: 5 });
    assert.ok(nodes.some(({ name }) => name === 'cron'));
    assert.ok(links.some(({ failures }) => failures === 1));
    assert.deepEqual(
      failingPart(graph).services.map(({ name }) => name),
      ['10.0.0.1', 'cron'],
    );
  });

  test('shows members of a group alone when it is opened', () => {
    const graph = serviceGraph([answerOf(clients(2000))]);
    const { nodes } = foldGraph(graph, { weight: 'bytes', open: ['address 10.0.0.0/16'] });
    const open = nodes.filter(({ name, group }) => group === undefined && name?.startsWith('10.0.') === true);
    assert.equal(open.length, 52);
    assert.ok(nodes.length <= 100);
  });

  test('keeps a service alone that has become a little less important, and none that is far behind', () => {
    const order = (least: number) =>
      foldGraph(
        serviceGraph([
          answerOf(
            clients(200).map((each, index) => ({
              ...each,
              bytes_sent: index === 150 ? least : each.bytes_sent,
            })),
          ),
        ]),
        { weight: 'bytes', shown: new Set(['["address","10.0.0.150"]']) },
      );
    const isAlone = (least: number) => shownAlone(order(least)).has('["address","10.0.0.150"]');
    assert.deepEqual([isAlone(151), isAlone(105), isAlone(50)], [true, true, false]);
  });
});

describe('networks that stand for addresses', () => {
  test('are a /16 of IPv4 and a /48 of IPv6', () => {
    assert.equal(addressGroup('10.1.2.3'), '10.1.0.0/16');
    assert.equal(addressGroup('2001:db8:1:2::3'), '2001:db8:1::/48');
    assert.equal(addressGroup('::1'), '0:0:0::/48');
    assert.equal(addressGroup('fe80::1%eth0'), 'fe80:0:0::/48');
  });
});
