/** Of the environment of a process beside this one: where node keeps what it has compiled, if it does for this process. A
 *  program then starts in half the time. */
export function compiledCode(): Record<string, string> {
  const folder = process.env['NODE_COMPILE_CACHE'];
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: folder };
}
