// Mutation seen red: only the file itself looked through; files not remembered (the stack overflows).
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { imports } from './imports.ts';

test('imports are followed from file to file, and round a circle once', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-imports-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const target = write('target.ts', '');
  const direct = write('direct.ts', "import { a } from './target.ts';\n");
  const indirect = write('indirect.ts', "import {\n  b,\n  c,\n} from './direct.ts';\nimport 'node:fs';\n");
  const other = write('other.ts', "import { d } from './circle.ts';\n// import from './target.ts'\n");
  write('circle.ts', "export type { E } from './other.ts';\n");
  assert.deepEqual(
    [direct, indirect, other].map((file) => imports(file, target)),
    [true, true, false],
  );
});
