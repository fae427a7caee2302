"use strict";
/* Places the parts of a scope: ranks from top to bottom, parts of a rank side by side, arrows through the gaps. */

const GAP = { across: 18, down: 26, frame: 12, head: 24 };

/* `parts`: [{id, width, height}], `edges`: [{tail, head, flow}] with the ids of parts, or "in" and "out" for the frame itself.
   Gives {width, height, places: Map id -> {x, y}, ways: [{edge, points}]}, centres and points from the top left of the frame. */
function arrange(parts, edges) {
  const cells = new Map(parts.map(part => [part.id, { id: part.id, width: part.width, height: part.height, rank: 0, x: 0 }]));
  const inner = edges.filter(edge => cells.has(edge.tail) && cells.has(edge.head));
  for (const part of parts) {
    const cell = cells.get(part.id);
    for (const edge of inner) if (edge.head === part.id) cell.rank = Math.max(cell.rank, cells.get(edge.tail).rank + 1);
  }
  lower(parts, inner, cells);
  const ranks = [];
  for (const cell of cells.values()) (ranks[cell.rank] ||= []).push(cell);
  for (let at = 0; at < ranks.length; at++) ranks[at] ||= [];
  const chains = edges.map(edge => thread(edge, cells, ranks));
  order(ranks, chains);
  spread(ranks, chains);
  return measure(ranks, chains, cells);
}

/* A part with one reader that nothing of the first rank feeds comes down to it: a shortcut's layers stand beside the join. */
function lower(parts, edges, cells) {
  for (const part of [...parts].reverse()) {
    const out = edges.filter(edge => edge.tail === part.id), into = edges.filter(edge => edge.head === part.id);
    if (out.length && !into.length) cells.get(part.id).rank = Math.max(0, Math.min(...out.map(edge => cells.get(edge.head).rank)) - 1);
  }
}

/* The cells that an arrow goes through: its ends, and a narrow one in each rank that it passes. */
function thread(edge, cells, ranks) {
  const first = cells.get(edge.tail), last = cells.get(edge.head);
  const from = first ? first.rank : -1, to = last ? last.rank : ranks.length;
  const way = [];
  for (let rank = from + 1; rank < to; rank++) {
    const lane = { lane: true, width: 8, height: 0, rank, x: 0 };
    ranks[rank].push(lane); way.push(lane);
  }
  return { edge, first, last, way };
}

function links(chains) {
  const up = new Map(), down = new Map();
  const note = (map, key, cell, weight) => { if (!map.has(key)) map.set(key, []); map.get(key).push([cell, weight]); };
  for (const { edge, first, last, way } of chains) {
    const all = [first, ...way, last].filter(Boolean), weight = edge.flow === "flow" ? 4 : 1;
    for (let at = 1; at < all.length; at++) { note(up, all[at], all[at - 1], weight); note(down, all[at - 1], all[at], weight); }
  }
  return { up, down };
}

const middle = (found, of) => found.reduce((sum, [cell, weight]) => sum + of(cell) * weight, 0) / found.reduce((sum, [, weight]) => sum + weight, 0);

function order(ranks, chains) {
  const { up, down } = links(chains);
  for (let turn = 0; turn < 6; turn++) {
    const near = turn % 2 ? down : up;
    for (const rank of turn % 2 ? [...ranks].reverse() : ranks) {
      const place = new Map();
      for (const other of ranks) other.forEach((cell, at) => place.set(cell, at - (other.length - 1) / 2));
      const wanted = new Map(rank.map(cell => [cell, near.has(cell) ? middle(near.get(cell), one => place.get(one)) : place.get(cell)]));
      rank.sort((a, b) => wanted.get(a) - wanted.get(b));
    }
  }
}

function spread(ranks, chains) {
  const { up, down } = links(chains);
  const apart = (a, b) => (a.width + b.width) / 2 + GAP.across;
  for (const rank of ranks) {
    let x = 0;
    rank.forEach((cell, at) => { if (at) x += apart(rank[at - 1], cell); cell.x = x; });
    rank.forEach(cell => { cell.x -= x / 2; });
  }
  for (let turn = 0; turn < 10; turn++) {
    const near = turn % 2 ? down : up;
    for (const rank of turn % 2 ? [...ranks].reverse() : ranks) {
      const wanted = rank.map(cell => (near.has(cell) ? middle(near.get(cell), one => one.x) : cell.x));
      const left = [], right = [];
      rank.forEach((cell, at) => { left[at] = at ? Math.max(wanted[at], left[at - 1] + apart(rank[at - 1], cell)) : wanted[at]; });
      for (let at = rank.length - 1; at >= 0; at--) right[at] = at < rank.length - 1 ? Math.min(wanted[at], right[at + 1] - apart(rank[at], rank[at + 1])) : wanted[at];
      rank.forEach((cell, at) => { cell.x = (left[at] + right[at]) / 2; });
    }
  }
}

function measure(ranks, chains, cells) {
  const all = ranks.flat();
  const low = Math.min(0, ...all.map(cell => cell.x - cell.width / 2)), high = Math.max(0, ...all.map(cell => cell.x + cell.width / 2));
  let y = GAP.head;
  for (const rank of ranks) {
    const tall = Math.max(0, ...rank.map(cell => cell.height));
    for (const cell of rank) { cell.x += GAP.frame - low; cell.y = y + tall / 2; cell.top = y; cell.bottom = y + tall; }
    y += tall + GAP.down;
  }
  const height = y - GAP.down + GAP.frame + 4, width = high - low + 2 * GAP.frame;
  const ways = chains.map(({ edge, first, last, way }) => {
    const start = first ? { x: first.x, y: first.y + first.height / 2 } : { x: width / 2, y: 0 };
    const end = last ? { x: last.x, y: last.y - last.height / 2 } : { x: width / 2, y: height };
    return { edge, points: [start, ...way.flatMap(cell => [{ x: cell.x, y: cell.top }, { x: cell.x, y: cell.bottom }]), end] };
  });
  return { width, height, places: new Map([...cells].map(([id, cell]) => [id, { x: cell.x, y: cell.y }])), ways };
}

/* A smooth line through points, going down at each of them. */
function smooth(points) {
  let way = `M${points[0].x.toFixed(1)},${points[0].y.toFixed(1)}`;
  for (let at = 1; at < points.length; at++) {
    const a = points[at - 1], b = points[at], bend = Math.max(4, (b.y - a.y) / 2);
    way += Math.abs(a.x - b.x) < 0.5 ? `L${b.x.toFixed(1)},${b.y.toFixed(1)}`
      : `C${a.x.toFixed(1)},${(a.y + bend).toFixed(1)} ${b.x.toFixed(1)},${(b.y - bend).toFixed(1)} ${b.x.toFixed(1)},${b.y.toFixed(1)}`;
  }
  return way;
}
