export { makeProgram } from './program.ts';
export type { Program } from './program.ts';
