// The repository's own files as its tests of shape see them: which there are, what they import, which of them import each
// other in a circle. Reads text; knows no compiler.
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative } from 'node:path';
import { repository } from './built.ts';

export interface Import {
  readonly file: string;
  /** Relative to the repository. */
  readonly target: string;
}

const folders = ['assets', 'bench', 'docs', 'src', 'test', 'tools'] as const;

/** Every file of the repository, relative to it, with `/`; without what is installed, built or computed. */
export function repositoryFiles(): readonly string[] {
  const inFolders = folders.flatMap((folder) =>
    readdirSync(join(repository, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(repository, join(entry.parentPath, entry.name)).replaceAll('\\', '/')),
  );
  const beside = readdirSync(repository, { withFileTypes: true }).filter((entry) => entry.isFile());
  return [...inFolders, ...beside.map(({ name }) => name)].sort();
}

export const textOf = (file: string): string => readFileSync(join(repository, file), 'utf8');

/** Relative imports, static and dynamic, of values and types alike. */
export function importsOf(file: string, text: string): readonly Import[] {
  const statements = text.matchAll(
    /^(?:import|export)\s[^;'"]*?from\s+'(\.[^']+)'|^import\s+'(\.[^']+)'|import\('(\.[^']+)'\)/gm,
  );
  return [...statements].map(([, from, bare, dynamic]) => ({
    file,
    target: posix.join(posix.dirname(file), from ?? bare ?? dynamic ?? ''),
  }));
}

/** Groups of files in which each reaches every other by imports (Tarjan 1972: strongly connected components). */
export function circles(imports: readonly Import[]): readonly (readonly string[])[] {
  const targets = new Map<string, string[]>();
  for (const { file, target } of imports) targets.set(file, [...(targets.get(file) ?? []), target]);
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const found: string[][] = [];
  const visit = (file: string): number => {
    const index = order.size;
    order.set(file, index);
    lowest.set(file, index);
    open.push(file);
    for (const target of targets.get(file) ?? []) {
      const reached = order.has(target)
        ? open.includes(target)
          ? order.get(target)!
          : index
        : visit(target);
      lowest.set(file, Math.min(lowest.get(file)!, reached));
    }
    if (lowest.get(file) === index) {
      const circle = open.splice(open.indexOf(file));
      if (circle.length > 1 || targets.get(file)?.includes(file)) found.push(circle.sort());
    }
    return lowest.get(file)!;
  };
  for (const file of targets.keys()) if (!order.has(file)) visit(file);
  return found;
}
