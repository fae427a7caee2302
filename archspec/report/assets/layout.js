/* Places the visible parts with ELK: layers from top to bottom, frames around open blocks, orthogonal edges.
   The signal enters a box at the top and leaves it at the bottom; skip connections leave and enter at the right. */

const NAME = "13px", NOTE = "11.5px", TITLE = "bold 13px";
const SIGN = 26;

const GRAPH_OPTIONS = {
  "elk.algorithm": "layered",
  "elk.direction": "DOWN",
  "elk.hierarchyHandling": "INCLUDE_CHILDREN",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.json.shapeCoords": "ROOT",
  "elk.json.edgeCoords": "ROOT",
  "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
  "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
  "elk.layered.spacing.nodeNodeBetweenLayers": 26,
  "elk.layered.spacing.edgeNodeBetweenLayers": 12,
  "elk.layered.spacing.edgeEdgeBetweenLayers": 8,
  "elk.spacing.nodeNode": 20,
  "elk.spacing.edgeNode": 16,
  "elk.spacing.edgeEdge": 10,
  "elk.padding": "[top=12,left=12,bottom=12,right=12]",
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

function measureBox(diagram, part) {
  if (part.sign) return { width: SIGN, height: SIGN };
  const lines = diagram.lines(part);
  const wide = Math.max(...lines.map((line, at) => measure(line, at ? NOTE : NAME)));
  return { width: Math.max(84, Math.ceil(wide) + 20 + (part.scope ? 22 : 0) + (diagram.marks.size ? 16 : 0)), height: 14 + 15 * lines.length };
}

function describeNode(diagram, part) {
  const id = String(part.id);
  if (diagram.isOpen(part)) {
    const wide = Math.ceil(measure(diagram.title(part), TITLE)) + 52;
    return {
      id, children: part.children.map(child => describeNode(diagram, child)),
      layoutOptions: { "elk.padding": "[top=40,left=16,bottom=16,right=16]", "elk.nodeSize.constraints": "MINIMUM_SIZE", "elk.nodeSize.minimum": `(${wide},60)` },
    };
  }
  const { width, height } = measureBox(diagram, part);
  const port = (name, x, y, side) => ({ id: name + id, x, y, width: 0, height: 0, layoutOptions: { "elk.port.side": side } });
  return { id, width, height, layoutOptions: { "elk.portConstraints": "FIXED_POS" }, ports: [port("in", width / 2, 0, "NORTH"), port("out", width / 2, height, "SOUTH"), port("side", width, height / 2, "EAST")] };
}

let engine = null;

/* Gives {width, height, boxes: Map id -> {x, y, width, height}, edges: [{tail, head, flow, points}]}. */
async function arrange(diagram) {
  engine ||= new ELK();
  const edges = liftEdges(diagram);
  const leaving = new Set(edges.filter(edge => edge.flow === "flow").map(edge => edge.tail));
  const entering = new Set(edges.filter(edge => edge.flow === "flow").map(edge => edge.head));
  const placed = await engine.layout({
    id: "root", layoutOptions: GRAPH_OPTIONS, children: diagram.outermost.map(part => describeNode(diagram, part)),
    edges: edges.map(({ tail, head, flow }, at) => ({
      id: `edge${at}`,
      sources: [(flow !== "flow" && leaving.has(tail) ? "side" : "out") + tail],
      targets: [(flow !== "flow" && entering.has(head) ? "side" : "in") + head],
      layoutOptions: { "elk.layered.priority.straightness": flow === "flow" ? 20 : 1, "elk.layered.priority.direction": flow === "flow" ? 10 : 1 },
    })),
  });
  const boxes = new Map();
  const collect = node => { for (const child of node.children || []) { boxes.set(Number(child.id), child); collect(child); } };
  collect(placed);
  const drawn = placed.edges.map(({ sections }, at) => ({ ...edges[at], points: sections ? [sections[0].startPoint, ...(sections[0].bendPoints || []), sections[0].endPoint] : [] }));
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
