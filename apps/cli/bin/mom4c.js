#!/usr/bin/env node
// Plain JavaScript, since the shell may start it with a Node that cannot read TypeScript: it runs the command line under
// the Node that this checkout pins, in this process if it is that one already, and otherwise passes everything through.
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

const EX_UNAVAILABLE = 69;

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const node = path(`../../../node_modules/node-linux-${process.arch}/bin/node`);

if (!existsSync(node)) {
  console.error('mom4c: the pinned Node is missing; run `npm run setup` in the checkout first');
  process.exit(EX_UNAVAILABLE);
}

// Only now, since it is one of the modules that may be missing.
const { COMPILED, programFile } = await import('@mom4c/build');
// Compiled once, not at each command: that is a third of the time of a short one.
const { NODE_COMPILE_CACHE = COMPILED } = process.env;
if (realpathSync(process.execPath) === realpathSync(node)) await runHere();
else runUnderPinned();

async function runHere() {
  nodeModule.enableCompileCache(NODE_COMPILE_CACHE);
  await import(pathToFileURL(programFile('cli')).href);
}

function runUnderPinned() {
  const env = { ...process.env, NODE_COMPILE_CACHE };
  const child = spawn(node, [programFile('cli'), ...process.argv.slice(2)], { stdio: 'inherit', env });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const forward = (signal) => {
    // At a terminal Ctrl-C has already reached the child.
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  for (const signal of signals) process.on(signal, forward);
  child.on('exit', (code, signal) => {
    for (const each of signals) process.off(each, forward);
    if (signal) process.kill(process.pid, signal);
    else process.exitCode = code;
  });
}
