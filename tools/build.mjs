// Builds `dist` from `src`: compiles what changed, removes what is left of sources that are gone or have moved, and makes
// the command executable, which the compiler does not. Plain JavaScript, as nothing is compiled before it.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const [source, output] = [join(root, 'src'), join(root, 'dist')];

removeStale('');
const compiler = join(dirname(fileURLToPath(import.meta.resolve('typescript/package.json'))), 'bin', 'tsc');
try {
  execFileSync(process.execPath, [compiler, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' });
} catch {
  // The compiler has said why.
  process.exit(1);
}
chmodSync(join(output, 'cli', 'main.js'), 0o755);

/** Removes what has no source, and folders that are empty then. */
function removeStale(folder) {
  if (!existsSync(join(output, folder))) return;
  for (const entry of readdirSync(join(output, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      removeStale(path);
      if (readdirSync(join(output, path)).length === 0) rmdirSync(join(output, path));
    } else if (/\.(?:d\.ts|js)$/.test(path) && !existsSync(join(source, path.replace(/\.(?:d\.ts|js)$/, '.ts')))) {
      rmSync(join(output, path));
    }
  }
}
