/* Places the visible parts, with ELK if they are no plain chain: layers from top to bottom, frames around open blocks, orthogonal edges.
   The signal enters a box at the top and leaves it at the bottom; skip connections leave and enter at the right. */

const NAME = "13px", NOTE = "11.5px", TITLE = "bold 13px";
const SIGN = 26;
const MARGIN = 12, FRAME_ROOM = 16, TITLE_ROOM = 40; // around the picture, in a frame, and above what is in it
const SKIPS = new Set(["identity", "projection", "concat", "gate"]);

const FRAME_OPTIONS = {
  "elk.layered.considerModelOrder.strategy": "PREFER_EDGES",
  "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
  "elk.layered.spacing.nodeNodeBetweenLayers": 26,
  "elk.layered.spacing.edgeNodeBetweenLayers": 12,
  "elk.layered.spacing.edgeEdgeBetweenLayers": 8,
  "elk.spacing.nodeNode": 20,
  "elk.spacing.edgeNode": 16,
  "elk.spacing.edgeEdge": 10,
};
const GRAPH_OPTIONS = {
  ...FRAME_OPTIONS,
  "elk.algorithm": "layered",
  "elk.direction": "DOWN",
  "elk.hierarchyHandling": "INCLUDE_CHILDREN",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.json.shapeCoords": "ROOT",
  "elk.json.edgeCoords": "ROOT",
  "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
  "elk.padding": `[top=${MARGIN},left=${MARGIN},bottom=${MARGIN},right=${MARGIN}]`,
};

/* The edges between visible parts. At a folded block, a skip connection beside the signal's own way is left out. */
function liftEdges(diagram) {
  const lifted = new Map();
  for (const { tail, head, flow } of diagram.edges) {
    const ends = [diagram.visible(tail), diagram.visible(head)], key = ends.join(" ");
    if (ends[0] === ends[1]) continue;
    if (!lifted.has(key)) lifted.set(key, new Set());
    lifted.get(key).add(flow);
  }
  const edges = [];
  for (const [key, flows] of lifted) {
    const [tail, head] = key.split(" ").map(Number), folded = diagram.parts[tail].scope || diagram.parts[head].scope;
    for (const flow of folded && flows.has("flow") ? ["flow"] : flows) edges.push({ tail, head, flow });
  }
  return edges;
}

/* For each join of branches, where they part: its immediate dominator (Cooper, Harvey and Kennedy 2001), unless a branch
   without a box leads from there. */
function findForks(edges) {
  const producers = new Map(), dominator = new Map(), level = new Map();
  for (const { tail, head, flow } of edges) {
    for (const id of [tail, head]) if (!producers.has(id)) producers.set(id, []);
    if (flow === "flow") producers.get(head).push(tail);
  }
  const meet = (one, other) => {
    while (one !== other && one !== undefined && other !== undefined) if (level.get(one) < level.get(other)) other = dominator.get(other); else one = dominator.get(one);
    return one === other ? one : undefined;
  };
  const find = id => {
    if (level.has(id)) return;
    level.set(id, 0);
    producers.get(id).forEach(find);
    const met = producers.get(id).length ? producers.get(id).reduce(meet) : undefined;
    dominator.set(id, met);
    level.set(id, met === undefined ? 0 : level.get(met) + 1);
  };
  [...producers.keys()].forEach(find);
  return [...producers].filter(([id, from]) => from.length > 1 && dominator.get(id) !== undefined && !from.includes(dominator.get(id))).map(([head]) => ({ tail: dominator.get(head), head }));
}

function measureBox(diagram, part) {
  if (part.sign) return { width: SIGN, height: SIGN };
  const lines = diagram.lines(part);
  const wide = Math.max(...lines.map((line, at) => measure(line, at ? NOTE : NAME)));
  return { width: Math.max(84, Math.ceil(wide) + 20 + (part.scope ? 22 : 0) + (diagram.compared ? 16 : 0)), height: 14 + 15 * lines.length };
}

function describeNode(diagram, part) {
  const id = String(part.id);
  if (diagram.isOpen(part)) {
    return {
      id, children: part.children.map(child => describeNode(diagram, child)),
      layoutOptions: { ...FRAME_OPTIONS, "elk.padding": `[top=${TITLE_ROOM},left=${FRAME_ROOM},bottom=${FRAME_ROOM},right=${FRAME_ROOM}]` },
    };
  }
  const { width, height } = measureBox(diagram, part);
  const port = (name, x, y, side) => ({ id: name + id, x, y, width: 0, height: 0, layoutOptions: { "elk.port.side": side } });
  return { id, width, height, layoutOptions: { "elk.portConstraints": "FIXED_POS" }, ports: [port("in", width / 2, 0, "NORTH"), port("out", width / 2, height, "SOUTH"), port("side", width, height / 2, "EAST")] };
}

/* Puts an unseen box in the middle of the branches between a fork and a join, so that both stand on one axis. */
function addSpine(diagram, nodes, edges, { tail, head }, id) {
  const scope = diagram.parts[head].parent, siblings = scope < 0 ? nodes.root : nodes.get(scope)?.children;
  const inside = id => diagram.chain(id).find(around => diagram.parts[around].parent === scope);
  const branches = [...new Set(edges.filter(edge => edge.tail === tail && edge.flow === "flow").map(edge => inside(edge.head)))];
  const places = branches.map(branch => siblings.findIndex(node => node.id === String(branch))).filter(at => at >= 0).sort((a, b) => a - b);
  if (places.length < 2) return [];
  siblings.splice(places[places.length >> 1], 0, { id, width: 1, height: 1 });
  return [[`out${tail}`, id], [id, `in${head}`]];
}

let engine = null;

/* ELK's order of the spec fails for some nested graphs: those are placed in the order of fewest crossings. */
async function place(graph) {
  const plain = structuredClone(graph), order = "elk.layered.considerModelOrder.strategy";
  const forget = node => { if (node.layoutOptions) delete node.layoutOptions[order]; (node.children || []).forEach(forget); };
  try { return await engine.layout(graph); } catch { forget(plain); return engine.layout(plain); }
}

/* A plain chain on one axis, in frames where blocks are open, without ELK; null for any other shape. */
function arrangeChain(diagram, edges) {
  const leaves = [], boxes = new Map();
  const collect = part => { if (diagram.isOpen(part)) part.children.forEach(collect); else leaves.push(part); };
  diagram.outermost.forEach(collect);
  const place = new Map(leaves.map((part, at) => [part.id, at]));
  if (edges.length !== leaves.length - 1 || edges.some(({ tail, head, flow }) => flow !== "flow" || place.get(head) !== place.get(tail) + 1)) return null;
  let y = MARGIN;
  const stack = parts => Math.max(...parts.map((part, at) => {
    y += at ? FRAME_OPTIONS["elk.layered.spacing.nodeNodeBetweenLayers"] : 0;
    const top = y, open = diagram.isOpen(part), size = open ? {} : measureBox(diagram, part);
    y += open ? TITLE_ROOM : size.height;
    const width = open ? stack(part.children) + 2 * FRAME_ROOM : size.width;
    y += open ? FRAME_ROOM : 0;
    boxes.set(part.id, { y: top, width, height: y - top });
    return width;
  }));
  const width = stack(diagram.outermost) + 2 * MARGIN, x = width / 2;
  for (const box of boxes.values()) box.x = x - box.width / 2;
  const lead = ({ tail, head, flow }) => ({ tail, head, flow, points: [{ x, y: boxes.get(tail).y + boxes.get(tail).height }, { x, y: boxes.get(head).y }] });
  return { width, height: y + MARGIN, boxes, edges: edges.map(lead) };
}

/* Gives {width, height, boxes: Map id -> {x, y, width, height}, edges: [{tail, head, flow, points}]}. */
async function arrange(diagram) {
  const edges = liftEdges(diagram), chain = arrangeChain(diagram, edges);
  if (chain) return chain;
  loadLayout();
  engine ||= new ELK();
  const nodes = new Map(), children = diagram.outermost.map(part => describeNode(diagram, part));
  const index = list => { for (const node of list) { nodes.set(Number(node.id), node); index(node.children || []); } };
  index(children);
  nodes.root = children;
  const spines = findForks(edges).flatMap((fork, at) => addSpine(diagram, nodes, edges, fork, `spine${at}`));
  const leaving = new Set(edges.filter(edge => edge.flow === "flow").map(edge => edge.tail));
  const entering = new Set(edges.filter(edge => edge.flow === "flow").map(edge => edge.head));
  const placed = await place({
    id: "root", layoutOptions: GRAPH_OPTIONS, children,
    edges: [
      ...edges.map(({ tail, head, flow }, at) => ({
        id: `edge${at}`,
        sources: [(SKIPS.has(flow) && leaving.has(tail) ? "side" : "out") + tail],
        targets: [(SKIPS.has(flow) && entering.has(head) ? "side" : "in") + head],
        layoutOptions: { "elk.layered.priority.straightness": flow === "flow" ? 20 : 1, "elk.layered.priority.direction": flow === "flow" ? 10 : 1 },
      })),
      ...spines.map(([from, to], at) => ({ id: `way${at}`, sources: [from], targets: [to], layoutOptions: { "elk.layered.priority.straightness": 200 } })),
    ],
  });
  const boxes = new Map();
  const collect = node => { for (const child of node.children || []) { if (!child.id.startsWith("spine")) boxes.set(Number(child.id), child); collect(child); } };
  collect(placed);
  const drawn = placed.edges.slice(0, edges.length).map(({ sections }, at) => ({ ...edges[at], points: sections ? [sections[0].startPoint, ...(sections[0].bendPoints || []), sections[0].endPoint] : [] }));
  return { width: placed.width, height: placed.height, boxes, edges: drawn };
}

/* A way along points with round corners. */
function roundPath(points, radius = 6) {
  if (!points.length) return "";
  const put = point => `${point.x.toFixed(1)},${point.y.toFixed(1)}`;
  const toward = (from, to, far) => {
    const long = Math.hypot(to.x - from.x, to.y - from.y) || 1, share = Math.min(far, long / 2) / long;
    return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
  };
  let way = `M${put(points[0])}`;
  for (let at = 1; at < points.length - 1; at++) way += `L${put(toward(points[at], points[at - 1], radius))}Q${put(points[at])} ${put(toward(points[at], points[at + 1], radius))}`;
  return way + `L${put(points[points.length - 1])}`;
}
