import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FilterError, parseFilter } from '@weir/tracer/filter';
import {
  arrowOf,
  curveBetween,
  distanceTo,
  opacityOf,
  pathOf,
  pointOf,
  widthOf,
} from '../src/views/map/edge-shape.js';
import { type DrawnNode, foldGraph } from '../src/views/map/fold-graph.js';
import {
  linkFilter,
  linkSentence,
  nodeFilter,
  nodeLabel,
  nodeName,
  nodeSentence,
  portsText,
} from '../src/views/map/map-words.js';
import { nextNode } from '../src/views/map/next-node.js';
import { serviceGraph } from '../src/views/map/service-graph.js';
import { answerOf, edge } from './support/map-edges.js';

const graphOf = (edges: Parameters<typeof answerOf>[0]) =>
  foldGraph(serviceGraph([answerOf(edges)]), { weight: 'bytes' });
const nodeNamed = (nodes: readonly DrawnNode[], name: string | null) =>
  nodes.find((node) => node.name === name)!;

/** It does not only look like a filter. */
function assertParses(filter: string | undefined): void {
  assert.doesNotThrow(() => parseFilter(filter!), FilterError, filter);
}

describe('words of the map', () => {
  const { nodes, links } = graphOf([
    edge(['group', 'celery'], ['address', '10.0.9.9'], {
      ...{ port: 5672, connections: 3, failures: 2, rate: 1500, handshake_us: 900, srtt_us: 1200 },
      ...{ segments_sent: 200, retransmits: 1 },
    }),
    edge(['network', '10.0.0.0/8'], ['group', null], { port: 443 }),
  ]);

  test('say what a node is and what flows through it', () => {
    assert.equal(
      nodeSentence(nodeNamed(nodes, 'celery'), 'process', 'celery'),
      'celery 2 failed, process: 3 connections, 2 failed, 1.5 kB/s, 0.5% retransmitted',
    );
    assert.equal(nodeName(nodeNamed(nodes, null), 'unit'), 'unknown systemd unit');
    const names = new Map(nodes.map((node) => [node.id, nodeName(node, 'process')]));
    assert.equal(
      linkSentence(links.find(({ ports }) => ports[0] === 5672)!, (id) => names.get(id)!),
      'celery to 10.0.9.9, port 5672: 3 connections, 2 failed, 1.5 kB/s, 0.5% retransmitted, handshake 900 µs, round trip 1.2 ms',
    );
    assert.equal(portsText([1, 2, 3, 4, 5]), 'ports 1, 2, 3 and 2 more');
  });

  test('name the host of a service where the map is of several', () => {
    const node = { ...nodeNamed(nodes, 'celery'), host: 'web-1' };
    assert.equal(nodeName(node, 'process'), 'celery @ web-1');
    assert.equal(nodeName({ ...node, name: 'web-1' }, 'host'), 'web-1');
  });

  test('show names of others by codes, and only as much as there is room for', () => {
    const name = `\u202e<b>${'x'.repeat(1000)}`;
    const evil = nodeNamed(graphOf([edge(['group', name], ['group', 'b'])]).nodes, name);
    const label = nodeLabel(evil, 'process', (text) => text.length <= 20);
    assert.equal(label.length, 20);
    assert.match(label, /^\\u202e<b>x+…x+$/);
    assert.doesNotMatch(nodeSentence(evil, 'process', label), /\u202e/);
  });

  test('lead to filters of the language, with any characters in names', () => {
    const names = ['plain', 'a "b" c', 'tab\tand\\back', "it's (x) or y", '\u202e', '', 'x,y'];
    for (const name of names) {
      const { nodes: all, links: pairs } = graphOf([
        edge(['group', name], ['address', '2001:db8::1'], { port: 80 }),
        edge(['address', '10.0.0.1'], ['group', name], { port: 443 }),
      ]);
      if (name === '') {
        assert.equal(nodeFilter(nodeNamed(all, ''), 'process'), undefined);
        continue;
      }
      for (const node of all) assertParses(nodeFilter(node, 'process'));
      for (const link of pairs) {
        const end = (id: string) => all.find((node) => node.id === id)!;
        assertParses(linkFilter(link, end(link.from), end(link.to), 'process'));
      }
    }
    const [first, second] = [nodeNamed(nodes, 'celery'), nodeNamed(nodes, '10.0.9.9')];
    const link = links.find(({ ports }) => ports[0] === 5672)!;
    assert.equal(linkFilter(link, first, second, 'process'), 'comm=celery peer=10.0.9.9 pport=5672');
    assert.equal(nodeFilter(nodeNamed(nodes, '10.0.0.0/8'), 'process'), 'peer=10.0.0.0/8');
    assert.equal(nodeFilter(nodeNamed(nodes, null), 'process'), 'not comm=*');
    assert.equal(nodeFilter(first, 'host'), 'host=celery');
    const members = [{ kind: 'group', name: 'celery', host: 'web-1' }];
    assert.equal(nodeFilter({ ...first, members } as never, 'process'), 'comm=celery host=web-1');
  });

  test('names a network by its prefix, or by its group', () => {
    const node = (name: string) => ({
      ...nodeNamed(nodes, '10.0.0.0/8'),
      members: [{ kind: 'network', name }],
    });
    const filterOf = (name: string) => nodeFilter(node(name) as never, 'process');
    assert.equal(filterOf('2001:db8::/32'), 'peer=2001:db8::/32');
    assert.equal(filterOf('aws eu-west-1'), 'peer_group="aws eu-west-1"');
  });
});

describe('the shape of a link', () => {
  const [left, right] = [
    { x: 0, y: 0 },
    { x: 500, y: 100 },
  ];

  test('goes from side to side, and both directions are two lines', () => {
    const there = curveBetween(left, right);
    const back = curveBetween(right, left);
    assert.deepEqual(there[0], { x: 88, y: -5 });
    assert.deepEqual(there[3], { x: 412, y: 95 });
    assert.ok(distanceTo(there, pointOf(back, 0.5)) > 6);
    assert.match(pathOf(there), /^M88 -5C/);
    assert.match(arrowOf(there), /^M412 95L/);
  });

  test('goes around nodes that are above each other, and in a loop to the same node', () => {
    const around = curveBetween(left, { x: 10, y: 300 });
    assert.ok(pointOf(around, 0.5).x > 98);
    const loop = curveBetween(left, left);
    assert.ok(pointOf(loop, 0.5).y < -19);
  });

  test('is found near its line alone', () => {
    const curve = curveBetween(left, right);
    assert.ok(distanceTo(curve, pointOf(curve, 0.3)) < 3);
    assert.ok(distanceTo(curve, { x: 250, y: -200 }) > 100);
  });

  test('is thicker the more it moves, and fainter the longer it was not seen', () => {
    const widths = [0, 1, 10, 1000, 10_000].map((weight) => widthOf(weight, 10_000));
    assert.deepEqual(
      widths,
      [...widths].sort((a, b) => a - b),
    );
    assert.ok(widths[0] === widths[1] && widths[4]! > 5);
    const range = { from: 0, to: 1000 };
    const opacities = [0, 500, 1000].map((last) => opacityOf(last, range));
    assert.deepEqual(opacities, [0.22, 0.6, 1]);
  });
});

describe('arrow keys', () => {
  const places = { a: { x: 0, y: 0 }, b: { x: 300, y: 20 }, c: { x: 300, y: 400 }, d: { x: 0, y: 60 } };
  const nodes = Object.keys(places).map((id) => ({ id }));
  const next = (from: string, x: number, y: number) => nextNode(places, nodes, from, { x, y });

  test('go to the nearest node in their direction, or nowhere', () => {
    assert.deepEqual(
      [next('a', 1, 0), next('a', 0, 1), next('b', 0, 1), next('b', -1, 0), next('a', -1, 0)],
      ['b', 'd', 'c', 'a', undefined],
    );
  });
});
