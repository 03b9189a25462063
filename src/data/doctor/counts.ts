// Entries of a file against what is known of CoIN's: a sure figure that differs is an error, an unsure one a warning.
// Data that says itself how much of it was made (a limit, the embedded data) is held against that.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { expectedCounts, type Fact, slimTestCount } from '../../streams/coin/facts.ts';
import type { CoinTask } from '../../tasks/index.ts';
import type { Finding } from './findings.ts';
import type { Part } from './rows.ts';

const nanoManifest = z.object({ trainPerTask: z.int(), testPerTask: z.int() });
const preparation = z.object({
  form: z.string(),
  limit: z.union([z.int(), z.literal('all')]),
  files: z.array(z.object({ path: z.string(), entries: z.int(), leftOut: z.int() })),
});

/** What the folder says of itself. */
export interface CountOrigin {
  readonly nano?: z.output<typeof nanoManifest>;
  readonly prepared?: z.output<typeof preparation>;
}

export function originOf(root: string, task: CoinTask, instructionType: string): CountOrigin {
  return {
    nano: readOwn(join(root, 'manifest.json'), nanoManifest),
    prepared: readOwn(join(root, '.preparation', `${task}-${instructionType}.json`), preparation),
  };
}

function readOwn<Schema extends z.ZodType>(file: string, schema: Schema): z.output<Schema> | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return schema.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data;
  } catch {
    return undefined;
  }
}

/** @param subset whether the data are declared to be a part of CoIN's: they may then have any number of entries. */
export function checkCount(
  task: CoinTask,
  part: Part,
  file: string,
  entries: number,
  { nano, prepared }: CountOrigin,
  subset: boolean,
): readonly Finding[] {
  const finding = (severity: Finding['severity'], message: string, hint?: string): readonly Finding[] => [
    {
      severity,
      task,
      code: 'count',
      message: `${file}: ${message}`,
      ...(hint !== undefined && { hint }),
    },
  ];
  if (nano !== undefined) {
    const expected = part === 'train' ? nano.trainPerTask : nano.testPerTask;
    if (entries === expected) return [];
    return finding('error', `${entries} entries, manifest.json says ${expected}`);
  }
  const own = prepared?.files.find(({ path }) => path === file);
  if (own !== undefined && own.entries !== entries) {
    return finding('error', `${entries} entries, coin data prepare wrote ${own.entries}`, 'prepare it again');
  }
  if (own !== undefined && prepared?.limit !== 'all') {
    return finding('note', `prepared with --limit ${prepared?.limit}: its count is not compared with CoIN's`);
  }
  const facts = expectedCounts[task][part];
  if (facts.some(({ value }) => value === entries)) return [];
  if (part === 'test' && entries === slimTestCount.value) {
    return finding('note', `${entries} entries, as many as the paper's slim test set`);
  }
  if (subset) {
    const whole = facts.map(({ value }) => value).join(' or ');
    return finding('note', `${entries} entries, declared as a subset of ${whole}`);
  }
  const sure = facts.some(({ status }) => status === 'read' || status === 'derived');
  const expected = facts.map(describeFact).join(', or ');
  const leftOut =
    own !== undefined && own.leftOut > 0 ? `; ${own.leftOut} were left out by --missing skip` : '';
  // Data made from a raw download holds what the download holds, e.g. the user's own classes.
  const severity = sure && own === undefined ? 'error' : 'warning';
  const hint = severity === 'error' ? 'a part of the data on purpose: --subset' : undefined;
  return finding(severity, `${entries} entries, expected ${expected}${leftOut}`, hint);
}

function describeFact({ value, status, source }: Fact<number>): string {
  const standing = status === 'unverified' ? 'not verified' : status;
  return `${value} (${standing}: ${source})`;
}
