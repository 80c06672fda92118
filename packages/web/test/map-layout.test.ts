import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { layoutGraph } from '../src/views/map/layout-graph.js';
import { type LayoutInput, NODE_HEIGHT, NODE_WIDTH, type Places } from '../src/views/map/map-geometry.js';
import { placeNodes } from '../src/views/map/place-nodes.js';
import { firstView, fit, formatLook, pan, parseLook, reveal, zoomAt } from '../src/views/map/viewport.js';

/** Pseudo-random pairs, the same in every run. */
function graph(count: number, links: number): LayoutInput {
  let state = 7;
  const random = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    return Math.floor((state / 0x8000_0000) * below);
  };
  const nodes = Array.from({ length: count }, (_, index) => `n${index}`);
  return {
    nodes,
    links: Array.from({ length: links }, () => [nodes[random(count)]!, nodes[random(count)]!] as const),
  };
}

/** Pairs of nodes that lie on each other. */
function overlaps(places: Places): [string, string][] {
  const all = Object.entries(places);
  return all.flatMap(([a, one], index) =>
    all
      .slice(index + 1)
      .filter(([, { x, y }]) => Math.abs(x - one.x) < NODE_WIDTH && Math.abs(y - one.y) < NODE_HEIGHT)
      .map(([b]): [string, string] => [a, b]),
  );
}

const star: LayoutInput = {
  nodes: ['hub', ...Array.from({ length: 40 }, (_, index) => `leaf${index}`)],
  links: Array.from({ length: 40 }, (_, index) => ['hub', `leaf${index}`] as const),
};

describe('a whole layout', () => {
  test('places each node, and none on another', () => {
    for (const input of [graph(100, 300), graph(100, 60), graph(1, 3), star, { nodes: [], links: [] }]) {
      const places = layoutGraph(input);
      assert.deepEqual(Object.keys(places).sort(), [...input.nodes].sort());
      assert.deepEqual(overlaps(places), []);
      for (const { x, y } of Object.values(places)) assert.ok(x >= NODE_WIDTH / 2 && y >= NODE_HEIGHT / 2);
    }
  });

  test('of 100 nodes and 300 links takes at most 0.3 s of CPU', () => {
    layoutGraph(graph(20, 40));
    const times = Array.from({ length: 3 }, () => {
      const start = process.cpuUsage();
      layoutGraph(graph(100, 300));
      const { user, system } = process.cpuUsage(start);
      return (user + system) / 1000;
    });
    assert.ok(Math.min(...times) <= 300, `${times} ms`);
  });

  test('has callers to the left of what they call', () => {
    const links = [
      ['web', 'app'],
      ['app', 'db'],
    ] as const;
    const { web, app, db } = layoutGraph({ nodes: ['db', 'web', 'app'], links });
    assert.ok(web!.x < app!.x && app!.x < db!.x);
  });

  test('lays many leaves of one node in columns, so that they can be read together', () => {
    const all = Object.values(layoutGraph(star));
    const height = Math.max(...all.map(({ y }) => y)) - Math.min(...all.map(({ y }) => y));
    assert.ok(height < 700, String(height));
    assert.ok(new Set(all.map(({ x }) => x)).size >= 4);
  });

  test('is the same each time', () => {
    assert.deepEqual(layoutGraph(graph(80, 100)), layoutGraph(graph(80, 100)));
  });
});

describe('a refresh', () => {
  const first = layoutGraph(star);

  test('moves no node that stays', () => {
    const { nodes, links } = star;
    const places = placeNodes({ nodes: nodes.filter((id) => id !== 'leaf3'), links }, first);
    assert.equal(Object.keys(places).length, 40);
    for (const [id, place] of Object.entries(places)) assert.deepEqual(place, first[id]);
  });

  test('places new nodes beside their neighbours, on none that is there', () => {
    const nodes = [...star.nodes, 'client', 'backend', 'deeper', 'lonely'];
    const links = [...star.links, ['client', 'hub'], ['leaf1', 'backend'], ['backend', 'deeper']] as const;
    const places = placeNodes({ nodes, links }, first);
    assert.deepEqual(overlaps(places), []);
    assert.ok(places.client!.x < places.hub!.x);
    assert.ok(Math.abs(places.client!.y - places.hub!.y) < 4 * NODE_HEIGHT);
    for (const id of star.nodes) assert.deepEqual(places[id], first[id]);
    const again = placeNodes({ nodes, links }, { ...first, ...places });
    assert.deepEqual(again, places);
  });

  test('places members of a group that was opened where the group was', () => {
    const near = { x: 5000, y: 5000 };
    const nodes = [...star.nodes, 'member1', 'member2'];
    const places = placeNodes({ nodes, links: star.links }, first, () => near);
    for (const id of ['member1', 'member2'])
      assert.ok(Math.hypot(places[id]!.x - near.x, places[id]!.y - near.y) < 300);
  });

  test('finds room for a hundred new neighbours of one node', () => {
    const nodes = [...star.nodes, ...Array.from({ length: 100 }, (_, index) => `new${index}`)];
    const links = [...star.links, ...nodes.slice(41).map((id) => ['hub', id] as const)];
    assert.deepEqual(overlaps(placeNodes({ nodes, links }, first)), []);
  });

  test('knows no place of a node that is named like a property of objects', () => {
    const places = placeNodes({ nodes: ['constructor', '__proto__x'], links: [] }, {});
    assert.deepEqual(Object.keys(places), ['constructor', '__proto__x']);
  });
});

describe('what is seen of the map', () => {
  const viewport = { x: 10, y: 20, scale: 1 };

  test('zooms around the pointer, within limits', () => {
    const at = { x: 100, y: 50 };
    const zoomed = zoomAt(viewport, 2, at);
    assert.deepEqual(zoomed, { scale: 2, x: -80, y: -10 });
    assert.equal(zoomAt(viewport, 1000, at).scale, 3);
    assert.deepEqual(pan(viewport, 1, 2), { x: 11, y: 22, scale: 1 });
  });

  test('fits all nodes, and shows few of them hardly enlarged', () => {
    const places = [
      { x: 0, y: 0 },
      { x: 4000, y: 1000 },
    ];
    const size = { width: 800, height: 600 };
    const { x, y, scale } = fit(places, size);
    for (const place of places) {
      assert.ok(place.x * scale + x >= 0 && place.x * scale + x <= 800);
      assert.ok(place.y * scale + y >= 0 && place.y * scale + y <= 600);
    }
    assert.equal(fit([{ x: 0, y: 0 }], size).scale, 1.15);
    assert.deepEqual(fit([], size), { x: 0, y: 0, scale: 1 });
  });

  test('begins with a part that can be read where all is too small', () => {
    const size = { width: 390, height: 320 };
    const wide = [
      { x: 0, y: 0 },
      { x: 4000, y: 1000 },
    ];
    const { x, y, scale } = firstView(wide, wide[1], size);
    assert.ok(scale > 0.5);
    assert.deepEqual([4000 * scale + x, 1000 * scale + y], [195, 160]);
    assert.deepEqual(firstView(wide.slice(1), wide[1], size), fit(wide.slice(1), size));
  });

  test('is said by a link, for windows of other sizes, too', () => {
    const [large, small] = [
      { width: 800, height: 600 },
      { width: 390, height: 320 },
    ];
    const look = formatLook({ x: -200, y: 100, scale: 1.25 }, large);
    assert.equal(look, '480,160,1.25');
    assert.deepEqual(parseLook(look, large), { x: -200, y: 100, scale: 1.25 });
    assert.deepEqual(parseLook(look, small), { x: 195 - 600, y: 160 - 200, scale: 1.25 });
    assert.equal(parseLook('0,0,9', large)!.scale, 3);
    for (const text of ['', '1,2', '1,2,x', '1e9,0,1', '0,0,-1', '0,0,1;'])
      assert.equal(parseLook(text, large), undefined);
  });

  test('moves just enough to show a node', () => {
    const size = { width: 800, height: 600 };
    assert.deepEqual(reveal(viewport, { x: 400, y: 300 }, size), viewport);
    const { x } = reveal(viewport, { x: 2000, y: 300 }, size);
    assert.equal(2000 + NODE_WIDTH / 2 + x, 800 - 24);
  });
});
