#!/usr/bin/env node
// Starts the `coin` command; builds it first where that has not been done, as in a fresh clone. It is executable in the
// repository itself, so that no build can take that away.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = new URL('../dist/cli/main.js', import.meta.url);
if (!existsSync(main)) {
  execFileSync(process.execPath, [fileURLToPath(new URL('build.mjs', import.meta.url))], { stdio: 'inherit' });
}
await import(main.href);
