/** What we use of @xmpp/xml 0.14.0, which ships no types. */
declare module '@xmpp/xml' {
  export type Node = Element | string;

  export class Element {
    constructor(name: string, attrs?: Record<string, string | undefined>);
    /** As written, with its prefix. */
    name: string;
    attrs: Record<string, string | undefined>;
    children: Node[];
    parent: Element | null;
    /** Compares the name without its prefix, and the namespace if given. */
    is(name: string, xmlns?: string): boolean;
    /** Without the prefix. */
    getName(): string;
    getNS(): string | undefined;
    getChild(name: string, xmlns?: string): Element | undefined;
    getChildren(name: string, xmlns?: string): Element[];
    getChildElements(): Element[];
    getChildText(name: string, xmlns?: string): string | null;
    /** The text directly inside. */
    text(): string;
    append(...nodes: Node[]): void;
    toString(): string;
  }

  /** A push parser for one stream: `start` gives the root, `element` each complete child of it, `end` the root's end. */
  export class Parser {
    on(event: 'start' | 'element' | 'end', listener: (element: Element) => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
    emit(event: 'error', error: Error): boolean;
    onStartElement(name: string, attrs: Record<string, string>): void;
    onEndElement(name: string): void;
    onText(text: string): void;
    write(text: string): void;
  }
}
