// Mutation seen red: `violated` never set; nothing held back; `&` not escaped in a section; the declaration not taken out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MarkupGuard } from './restricted-xml.ts';

/** What comes out of text that arrives in parts of these sizes. */
function pass(text: string, sizes: readonly number[] = [text.length]): { out: string; violated: boolean } {
  const guard = new MarkupGuard();
  let out = '';
  for (let at = 0, step = 0; at < text.length; step += 1) {
    const size = sizes[step % sizes.length]!;
    out += guard.pass(text.slice(at, at + size));
    at += size;
  }
  return { out, violated: guard.violated };
}

test('plain markup passes as it is, and the declaration in front of it is taken out', () => {
  assert.deepEqual(pass('<a b="c">d &amp; ]] ></a>.'), {
    out: '<a b="c">d &amp; ]] ></a>.',
    violated: false,
  });
  assert.equal(pass("<?xml version='1.0'?><a>.").out, '<a>.');
  assert.ok(pass('<?xml ?><?xml ?>', [8]).violated, 'a second one, though the first came alone');
});

test('comments, instructions and document types are not handed on, nor is what follows', () => {
  for (const restricted of [
    '<!-- b -->',
    '<?b?>',
    '<!DOCTYPE b>',
    '<!ENTITY b "c">',
    "<?xml version='1.0'?>",
  ]) {
    const { out, violated } = pass(`<a>${restricted}</a>`);
    assert.deepEqual({ out: out.replace(/<$/, ''), violated }, { out: '<a>', violated: true }, restricted);
  }
});

// Red with `!` and `?` looked for right behind the `<` only: the library looks for them in the whole name.
test('nor can they hide in the name of a tag, however it is cut', () => {
  for (const hidden of ['<b!-- c -->', '</b?>', '<//!-- c -->', "<version='1.0'?>", '<b\u00a0!>', '<<!>'])
    for (const sizes of [[100], [1], [2, 3]]) {
      const { out, violated } = pass(`<a>${hidden}</a>`, sizes);
      assert.ok(violated, hidden);
      assert.ok(`<a>${hidden}`.startsWith(out) && !/[!?]/.test(out), out);
    }
});

// Red with what is in a name held back until it ends, and with a limit for its length.
test('a long name is no violation, and does not wait here', () => {
  const guard = new MarkupGuard();
  assert.equal(guard.pass('<a>.'), '<a>.');
  assert.equal(guard.pass('<b'), '<b');
  for (let part = 0; part < 1_000; part += 1) assert.equal(guard.pass('b'.repeat(1_000)), 'b'.repeat(1_000));
  assert.equal(guard.pass('!'), '');
  assert.ok(guard.violated, 'what is restricted is seen behind it, too');
});

test('a section becomes text, and nothing in it is markup', () => {
  assert.deepEqual(pass('<a><![CDATA[<!-- & ]] > -->]]></a>.'), {
    out: '<a>&lt;!-- &amp; ]] &gt; --&gt;</a>.',
    violated: false,
  });
});

test('where the text is cut makes no difference', () => {
  const piece = fc.constantFrom(
    '<a>',
    '</a>',
    '</a',
    '<a',
    '<![CDATA[',
    ']',
    ']]>',
    '<!',
    '<?',
    '<!-',
    '-->',
    '>',
    '&',
    'x',
    '<?xml ?>',
  );
  const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), sizes, (pieces, cuts) => {
      // The blank ends whatever may still be held back.
      const text = `${pieces.join('')} `;
      assert.deepEqual(pass(text, cuts), pass(text));
    }),
  );
});
