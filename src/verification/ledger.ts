// What is known of each method: its claims with the numbers found, where it departs from its paper, the runs it rests on
// and the published rows it could be held against. Read from files and computed on the toy; the words are the report's.
import { existsSync } from 'node:fs';
import { basename, isAbsolute, join, relative } from 'node:path';
import { z } from 'zod';
import { UserError } from '../base/errors.ts';
import { dependsOn } from '../config/key-effects.ts';
import { methodSettingsOf } from '../config/open-method.ts';
import { planRun } from '../config/plan.ts';
import { catalogueOf } from '../config/plugins.ts';
import type { RunConfig } from '../config/schema.ts';
import { checkRow, readJson } from '../formats/records/json.ts';
import type { Claim, ClaimFinding, Laboratory } from '../methods/claim.ts';
import type { MethodOrigin } from '../methods/define.ts';
import type { Method, MethodName } from '../methods/index.ts';
import { type PublishedRow, publishedSummary } from '../metrics/published.ts';
import type { Summary } from '../metrics/summary.ts';
import { type Costs, methodRecords, readCosts } from '../results/costs.ts';
import { readJournal, recordsByKey } from '../runs/journal.ts';
import { readProvenance } from '../runs/provenance.ts';
import { readRunConfig, runFiles } from '../runs/run-folder.ts';
import { readPublished } from '../streams/coin/published.ts';
import { studyFiles } from '../studies/study-folder.ts';

/**
 * verified: it has claims, every one holds, and its mechanism is its paper's. partly: the claims hold, but something is
 * a substitute, left out or a reading of ours. not verified: a claim fails.
 */
export type LedgerVerdict = 'verified' | 'partly verified' | 'not verified';

export interface CheckedClaim {
  readonly statement: string;
  readonly found: string;
  readonly holds: boolean;
}

export interface LedgerEntry {
  readonly method: MethodName;
  readonly label: string;
  readonly summary: string;
  readonly verdict: LedgerVerdict;
  readonly origin: MethodOrigin;
  readonly claims: readonly CheckedClaim[];
  readonly runs: readonly RunGroup[];
  readonly published: readonly PublishedFigures[];
}

/** Runs of a method that differ in nothing but the seed. */
export interface RunGroup {
  /** What was run, in words. */
  readonly what: string;
  /** On the embedded model and data. */
  readonly nano: boolean;
  readonly runs: readonly MethodRun[];
}

export interface MethodRun {
  /** As it was given; the last part of its name where it lies outside the working folder. */
  readonly folder: string;
  readonly seed: number;
  /** ISO 8601. */
  readonly began: string;
  /** Whole stages, and those of the stream. */
  readonly stages: number;
  readonly tasks: number;
  readonly strict: Summary;
  readonly reference: Summary;
  readonly costs: Costs;
}

export interface PublishedFigures {
  readonly id: string;
  readonly summary: Summary | undefined;
}

const summarySchema = z.object({
  matrix: z.object({ rows: z.array(z.unknown()) }),
  maa: z.number(),
  bwt: z.number(),
  finalAverage: z.number(),
});
const modeSchema = z.object({ methods: z.record(z.string(), summarySchema) });
const metricsSchema = z.object({ modes: z.object({ strict: modeSchema, reference: modeSchema }) });

/** Checks a method's claims one after another; one that cannot be checked does not hold. */
export async function checkClaims(
  method: Method,
  laboratory: Laboratory,
  onClaim?: (claim: CheckedClaim) => void,
): Promise<readonly CheckedClaim[]> {
  const checked: CheckedClaim[] = [];
  for (const claim of method.claims()) {
    const one = { statement: claim.statement, ...(await findingOf(claim, laboratory)) };
    checked.push(one);
    onClaim?.(one);
  }
  return checked;
}

async function findingOf(claim: Claim, laboratory: Laboratory): Promise<ClaimFinding> {
  try {
    return await claim.check(laboratory);
  } catch (error) {
    return { found: `stopped: ${error instanceof Error ? error.message : String(error)}`, holds: false };
  }
}

export function verdictOf(claims: readonly CheckedClaim[], { deviations }: MethodOrigin): LedgerVerdict {
  if (claims.length === 0 || claims.some(({ holds }) => !holds)) return 'not verified';
  return deviations.length > 0 ? 'partly verified' : 'verified';
}

export interface LedgerOptions {
  readonly methods: Iterable<Method>;
  readonly laboratory: Laboratory;
  /** Folders of runs or of studies. */
  readonly folders: readonly string[];
  readonly onMethod?: (label: string) => void;
}

/**
 * An entry per method.
 * @throws UserError or DataError when a folder is no run, or one without metrics.
 */
export async function makeLedger(options: LedgerOptions): Promise<readonly LedgerEntry[]> {
  const { laboratory, folders, onMethod } = options;
  const runs = folders.flatMap(runFolders).map(readRun);
  const { rows } = readPublished();
  const entries: LedgerEntry[] = [];
  for (const method of options.methods) {
    const { name, label, summary, origin } = method;
    onMethod?.(label);
    const claims = await checkClaims(method, laboratory);
    entries.push({
      method: name,
      label,
      summary,
      verdict: verdictOf(claims, origin),
      origin,
      claims,
      runs: groupsOf(method, runs),
      published: publishedOf(method, rows),
    });
  }
  return entries;
}

interface ReadRun {
  readonly folder: string;
  readonly config: RunConfig;
  readonly began: string;
  readonly modes: z.output<typeof metricsSchema>['modes'];
}

/** A folder of a run is itself; that of a study, its runs. */
function runFolders(folder: string): readonly string[] {
  const file = studyFiles.study(folder);
  if (!existsSync(file)) return [folder];
  const { runs } = checkRow(z.object({ runs: z.array(z.string()) }), readJson(file), { file, row: 1 });
  return runs.map((name) => join(folder, name)).filter((run) => existsSync(runFiles.metrics(run)));
}

function readRun(folder: string): ReadRun {
  const config = readRunConfig(folder);
  const file = runFiles.metrics(folder);
  if (!existsSync(file)) {
    throw new UserError({
      file,
      message: 'no such file',
      hint: '`coin run` writes it when it ends; `coin report` anew',
    });
  }
  const { modes } = checkRow(metricsSchema, readJson(file), { file, row: 1 });
  return { folder, config, began: readProvenance(folder).began, modes };
}

function groupsOf(method: Method, runs: readonly ReadRun[]): readonly RunGroup[] {
  const groups = new Map<string, ReadRun[]>();
  for (const run of runs) {
    if (run.modes.strict.methods[method.name] === undefined) continue;
    const key = settingsKey(run.config, method);
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  return [...groups.values()].map((group) => {
    const { config } = group[0] as ReadRun;
    return {
      what: describeRun(config, method),
      nano: config.model === 'nano' && config.benchmark === 'nano',
      runs: group
        .map((run) => methodRun(run, method))
        .sort((a, b) => a.seed - b.seed || (a.folder < b.folder ? -1 : 1)),
    };
  });
}

/** What runs must share to be seeds of one another, as far as this method is concerned. */
function settingsKey(config: RunConfig, method: Method): string {
  return JSON.stringify([dependsOn(config, 'compared'), methodSettingsOf(config, method)]);
}

function describeRun(config: RunConfig, method: Method): string {
  const { model, benchmark, tasks, trainSamples, testSamples, training } = config;
  const { rank } = methodSettingsOf(config, method).adapter;
  const { stream, costs } = method;
  const ranked = !stream.trains || costs.fixedSize !== undefined ? '' : `, rank ${rank}`;
  const epochs = training.epochs === 1 ? '1 epoch' : `${training.epochs} epochs`;
  return `${basename(model)} on ${basename(benchmark)}, ${tasks.length} tasks, ${trainSamples} training and ${testSamples} test samples a task, ${epochs} in batches of ${training.batchSize} at ${training.learningRate}${ranked}`;
}

function methodRun({ folder, config, began, modes }: ReadRun, method: Method): MethodRun {
  const records = recordsByKey(readJournal(runFiles.journal(folder)));
  const catalogue = catalogueOf(config);
  const steps = planRun(config, catalogue);
  const summaryOf = (mode: 'strict' | 'reference'): Summary => {
    const { maa, bwt, finalAverage } = modes[mode].methods[method.name] as z.output<typeof summarySchema>;
    return { maa, bwt, finalAverage };
  };
  return {
    folder: shown(folder),
    seed: config.seed,
    began,
    stages: modes.strict.methods[method.name]?.matrix.rows.length ?? 0,
    tasks: config.tasks.length,
    strict: summaryOf('strict'),
    reference: summaryOf('reference'),
    costs: readCosts(methodRecords({ config, catalogue, steps, records }, method.name)),
  };
}

/** A ledger names no place that is only on this machine. */
function shown(folder: string): string {
  const below = relative(process.cwd(), folder);
  return below.startsWith('..') || isAbsolute(below) ? basename(folder) : below || '.';
}

/** The authors' rows of accuracy that a method could be held against. */
function publishedOf({ stream, label }: Method, rows: readonly PublishedRow[]): readonly PublishedFigures[] {
  const isItsOwn = ({ method, multitask, zeroShot }: PublishedRow) => {
    if (stream.changes) return method === label;
    return Object.keys(stream.trains ? multitask : zeroShot).length > 0;
  };
  return rows
    .filter((row) => row.kind === 'truth-alignment' && isItsOwn(row))
    .map((row) => ({
      id: row.id,
      summary: stream.changes ? publishedSummary(row) : undefined,
    }));
}
