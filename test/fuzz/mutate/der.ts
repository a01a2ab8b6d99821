/** Changes to values of DER: all that is around them is written anew, so that the reader gets as far as the change. */
import type { SeededRandom } from '../seeded-random.ts';
import { allNodes, copyOf, derLength, type DerNode, parseDer, writeDer } from './der-tree.ts';
import { flipBit, type Mutator } from './octets.ts';

type Place = { node: DerNode; siblings: DerNode[] };
type Change = (place: Place, random: SeededRandom, donors: readonly DerNode[]) => void;

const SEQUENCE = 0x30;
const TAGS = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x30, 0x31, 0xa0, 0xa1, 0x80];
/** Telling contents: integers at their edges, an object identifier that is too large, bits that are not there. */
const CONTENTS = [
  '',
  '00',
  '01',
  '7f',
  'ff',
  '0001',
  '00ff',
  '8000000000',
  '7fffffff',
  '008001',
  '07ff',
  '0880',
  '2a8080808080808080808001',
  '5504ff',
  'c328',
].map((hex) => Buffer.from(hex, 'hex'));

const CHANGES: readonly Change[] = [
  ({ node }, random) => {
    node.tag = random.pick(TAGS);
  },
  ({ node, siblings }) => {
    siblings.splice(siblings.indexOf(node), 1);
  },
  ({ node, siblings }, random) => {
    siblings.splice(random.below(siblings.length + 1), 0, copyOf(node));
  },
  ({ siblings }, random) => {
    const [from, to] = [random.below(siblings.length), random.below(siblings.length)];
    [siblings[from], siblings[to]] = [siblings[to]!, siblings[from]!];
  },
  ({ node, siblings }, random, donors) => {
    siblings[siblings.indexOf(node)] = copyOf(random.pick(donors));
  },
  ({ siblings }, random, donors) => {
    siblings.splice(random.below(siblings.length + 1), 0, copyOf(random.pick(donors)));
  },
  ({ node }, random) => {
    const levels = random.oneIn(4) ? 20 + random.below(30) : 1 + random.below(2);
    for (let level = 0; level < levels; level++) wrap(node);
  },
  ({ node }, random) => {
    setContent(node, random.pick(CONTENTS));
  },
  ({ node }, random) => {
    if (node.children) node.children = [];
    else node.content = random.octets(random.below(40));
  },
  ({ node }, random, donors) => {
    if (!node.children) node.content = flipBit(node.content, random, []);
    else node.children.push(copyOf(random.pick(donors)));
  },
  ({ node }, random) => {
    const size = node.children ? writeDer(node.children).length + node.prefix.length : node.content.length;
    node.length = wrongLength(size, random);
  },
];

function wrap(node: DerNode): void {
  const inner = { ...node };
  Object.assign(node, {
    tag: SEQUENCE,
    content: Buffer.alloc(0),
    children: [inner],
    prefix: Buffer.alloc(0),
  });
  delete node.length;
}

function setContent(node: DerNode, content: Buffer): void {
  node.children = undefined;
  node.content = content;
}

function wrongLength(size: number, random: SeededRandom): Buffer {
  switch (random.below(6)) {
    case 0:
      return Buffer.of(0x80); // indefinite
    case 1:
      return Buffer.of(0x82, size >> 8, size & 0xff); // longer than needed, below 256
    case 2:
      return Buffer.of(0x84, 0xff, 0xff, 0xff, 0xff);
    case 3:
      return derLength(Math.max(0, size - 1 - random.below(4)));
    case 4:
      return derLength(size + 1 + random.below(4));
    default:
      return Buffer.of(0xfe, ...random.octets(16));
  }
}

/** What is not DER any more is left as it is. */
export const changeDer: Mutator = (input, random, others) => {
  const tree = parseDer(input);
  if (!tree || tree.length === 0) return input;
  const donorTree = parseDer(Buffer.from(random.pick(others))) ?? tree;
  const donors = allNodes(donorTree.length > 0 ? donorTree : tree).map(({ node }) => node);
  random.pick(CHANGES)(random.pick(allNodes(tree)), random, donors);
  return writeDer(tree);
};
