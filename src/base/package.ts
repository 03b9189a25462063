// This package itself: its folder and version. Light, so that `--version` loads nothing else.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** From `src/base` and from what is built of it alike. */
export const packageFolder = fileURLToPath(new URL('../../', import.meta.url));

export function packageVersion(): string {
  return versionIn(join(packageFolder, 'package.json'));
}

/** The version in a package.json. */
export function versionIn(file: string): string {
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { readonly version?: unknown };
  return typeof version === 'string' ? version : 'unknown';
}
