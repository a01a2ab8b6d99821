/**
 * DER as a tree that may be changed and written again, with right lengths or with wrong ones. On purpose not the
 * reader of the product: what that one takes for granted must not be taken for granted here.
 */

export type DerNode = {
  /** The identifier octet: class, constructed, number below 31. */
  tag: number;
  /** Content octets of what is primitive and holds nothing that can be read as DER. */
  content: Buffer;
  /** Children of what is constructed, or of an OCTET STRING or BIT STRING that holds DER. */
  children: DerNode[] | undefined;
  /** Octets before the children that are not theirs: the unused bits of a BIT STRING. */
  prefix: Buffer;
  /** Octets of the length, where they are not to be what they must be. */
  length?: Buffer;
};

const CONSTRUCTED = 0x20;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const NOTHING = Buffer.alloc(0);
const MAX_DEPTH = 40;

/** @returns undefined if the octets are not wholly one or more values of definite length */
export function parseDer(octets: Buffer, depth = 0): DerNode[] | undefined {
  const nodes: DerNode[] = [];
  if (depth > MAX_DEPTH) return undefined;
  for (let at = 0; at < octets.length; ) {
    const head = readHead(octets, at);
    if (!head || head.end > octets.length) return undefined;
    const content = octets.subarray(head.start, head.end);
    const { tag } = head;
    const skipped = tag === BIT_STRING ? 1 : 0;
    const inside =
      tag & CONSTRUCTED || ((tag === OCTET_STRING || tag === BIT_STRING) && content.length > skipped + 1)
        ? parseDer(content.subarray(skipped), depth + 1)
        : undefined;
    if (!inside && tag & CONSTRUCTED) return undefined;
    nodes.push({
      tag,
      content: inside ? NOTHING : content,
      children: inside,
      prefix: inside ? content.subarray(0, skipped) : NOTHING,
    });
    at = head.end;
  }
  return nodes;
}

function readHead(octets: Buffer, at: number): { tag: number; start: number; end: number } | undefined {
  const [tag, first] = [octets[at], octets[at + 1]];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f || first === 0x80) return undefined;
  if (first < 0x80) return { tag, start: at + 2, end: at + 2 + first };
  const count = first & 0x7f;
  if (count > 4 || at + 2 + count > octets.length) return undefined;
  const start = at + 2 + count;
  return { tag, start, end: start + octets.readUIntBE(at + 2, count) };
}

export function writeDer(nodes: readonly DerNode[]): Buffer {
  return Buffer.concat(nodes.map(writeNode));
}

function writeNode(node: DerNode): Buffer {
  const content = node.children ? Buffer.concat([node.prefix, writeDer(node.children)]) : node.content;
  return Buffer.concat([Buffer.of(node.tag), node.length ?? derLength(content.length), content]);
}

/** The one form that DER allows. */
export function derLength(octets: number): Buffer {
  if (octets < 0x80) return Buffer.of(octets);
  const long = Buffer.alloc(4);
  long.writeUInt32BE(octets);
  const minimal = long.subarray(long.findIndex((octet) => octet !== 0));
  return Buffer.concat([Buffer.of(0x80 | minimal.length), minimal]);
}

export function copyOf(node: DerNode): DerNode {
  return { ...node, children: node.children?.map(copyOf) };
}

/** Each value, with the list that it stands in. */
export function allNodes(nodes: DerNode[]): { node: DerNode; siblings: DerNode[] }[] {
  return nodes.flatMap((node) => [
    { node, siblings: nodes },
    ...(node.children ? allNodes(node.children) : []),
  ]);
}
