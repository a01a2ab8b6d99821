/** What a source says of its place, in the words of what is built of it. */
import { dirname, join, relative, resolve } from 'node:path';
import { DIST, PROGRAMS, ROOT } from './built.mjs';

const byPath = new Map(Object.entries(PROGRAMS).map(([name, path]) => [join(ROOT, path), `./${name}.js`]));

/** What a source says of its own place, or loads when it first needs it. */
const PLACE =
  /new URL\('(\.[^']*)', import\.meta\.url\)|createRequire\(import\.meta\.url\)\(|import\.meta\.(\w+)/g;

/**
 * A source says where something is from where it stands itself; what is built stands elsewhere. Another program is what
 * was built of it, everything else what it was. And what a source loads when it first needs it comes along.
 */
export function placed(source, path) {
  const url = (target) => `new URL('${target}', import.meta.url)`;
  return source.replace(PLACE, (text, target, property) => {
    if (target !== undefined) {
      const file = resolve(dirname(path), target);
      return url(byPath.get(file) ?? relative(DIST, file) + (target.endsWith('/') ? '/' : ''));
    }
    if (property === undefined) return 'require(';
    if (property !== 'url') throw new Error(`${path}: ${text} is not that of what is built`);
    return `${url(relative(DIST, path))}.href`;
  });
}
