// The built command line, for tests that start real processes. Builds when a source is newer than the last build.
import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = fileURLToPath(new URL('../../', import.meta.url));
export const commandLine = join(repository, 'dist', 'cli', 'main.js');

export function buildIfStale(): void {
  const built = statSync(commandLine, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const stamp = statSync(join(repository, 'dist', '.tsbuildinfo'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const newest = Math.max(
    ...readdirSync(join(repository, 'src'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts'))
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  );
  if (built > 0 && stamp > newest) return;
  execFileSync('npm', ['run', 'build', '--silent'], { cwd: repository, stdio: 'pipe' });
}
