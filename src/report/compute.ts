// The results of a run, computed from its predictions on disk and the test data, in both scoring modes.
// Nothing here trusts a figure that was computed before; the journal gives only times and which steps are there.

import { existsSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { Catalogue } from '../config/catalogue.ts';
import { changedSettings } from '../config/changed-settings.ts';
import type { MethodName, RunConfig } from '../config/schema.ts';
import { judgeResults } from '../followups/judging/judge-results.ts';
import { routingResults } from '../followups/observatory-file.ts';
import { reaskResults } from '../followups/reask.ts';
import { whatIfResults } from '../followups/what-if.ts';
import { writeFileAtomic } from '../formats/files/files.ts';
import { Aspects } from '../results/answers.ts';
import { methodCost } from '../results/costs.ts';
import { exampleResults } from '../results/examples.ts';
import { intervalResults } from '../results/intervals.ts';
import type { ModeResults } from '../results/matrices.ts';
import { modeResults, wholeStages } from '../results/matrices.ts';
import { type OpenedRun, openRun } from '../runs/open.ts';
import type { Provenance } from '../runs/provenance.ts';
import { runFiles } from '../runs/run-folder.ts';
import { describeSkipped } from '../runs/skipped-file.ts';
import type { ScoringMode } from '../tasks/task.ts';
import type { MethodInfo, RunResults } from './results.ts';

/** What `metrics.json` holds: nothing that depends on when or where the run was made. */
export interface Metrics {
  readonly tasks: readonly string[];
  readonly modes: RunResults['modes'];
  readonly judges?: RunResults['judges'];
}

export interface ResultOptions {
  /** Examples per task and fate. */
  readonly samplesPerFate?: number;
  /** What the run's configuration may name beside its plug-ins; by default what the package brings. */
  readonly catalogue?: Catalogue;
}

/**
 * Scores every prediction of a run. A stage whose evaluations are not all there is left out, and a method without a
 * whole stage.
 * @throws UserError or DataError when the folder is not a run, or its predictions or test data are missing or damaged.
 */
export async function computeResults(
  folder: string,
  { samplesPerFate = 1, catalogue }: ResultOptions = {},
): Promise<RunResults> {
  const run = await openRun(folder, catalogue);
  const { config, provenance, done, evaluations } = run;
  const stages = wholeStages(run, done);
  const begun = config.methods.filter((method) => (stages.get(method) ?? []).length > 0);
  const resultsOf = (mode: ScoringMode): ModeResults =>
    modeResults({ tasks: config.tasks, stages, done, scoreOf: (step) => evaluations.score(step, mode) });
  const judges = judgeResults(run);
  const aspects = new Aspects(run, stages);
  const reask = reaskResults(run);
  const routing = routingResults(run);
  const whatIf = whatIfResults(run);
  const intervals = intervalResults(run, stages);
  return {
    title: config.name,
    folder: basename(resolve(folder)),
    tasks: config.tasks,
    modes: { reference: resultsOf('reference'), strict: resultsOf('strict') },
    methods: begun.map((method) => methodInfo(run, method)),
    configuration: withoutOthers(config),
    changed: changedSettings(config, run.catalogue),
    provenance: { ...describeProvenance(config, provenance), ...describePassedOver(run) },
    examples: await exampleResults(config.tasks, aspects, samplesPerFate),
    ...(judges.length === 0 ? {} : { judges }),
    errors: aspects.errors(),
    lifeLines: aspects.lifeLines(),
    ...(reask === undefined ? {} : { reask }),
    ...(routing === undefined ? {} : { routing }),
    ...(whatIf === undefined ? {} : { whatIf }),
    ...(intervals === undefined ? {} : { intervals }),
  };
}

/** The part of the results that `metrics.json` keeps. */
export function metricsOf({ tasks, modes, judges }: RunResults): Metrics {
  return { tasks, modes, judges };
}

/** Writes `metrics.json`. */
export function writeMetrics(folder: string, results: RunResults): void {
  writeFileAtomic(runFiles.metrics(folder), metricsText(results));
}

/** The text of `metrics.json`. */
export function metricsText(results: RunResults): string {
  return `${JSON.stringify(metricsOf(results), undefined, 2)}\n`;
}

/** Whether `metrics.json` says what the predictions say; undefined when there is none. */
export function metricsAgree(folder: string, results: RunResults): boolean | undefined {
  const file = runFiles.metrics(folder);
  if (!existsSync(file)) return undefined;
  return readFileSync(file, 'utf8') === metricsText(results);
}

function methodInfo(run: OpenedRun, method: MethodName): MethodInfo {
  const { method: name, ...cost } = methodCost([run], method);
  return { name, ...cost };
}

/** Settings of methods that the run does not have are none of its own. */
function withoutOthers({ methodSettings, ...config }: RunConfig): Readonly<Record<string, unknown>> {
  const own = Object.entries(methodSettings).filter(([method]) => config.methods.includes(method));
  return { ...config, methodSettings: Object.fromEntries(own) };
}

/** What of the data the run passes over as unusable, where there is anything. */
function describePassedOver({ source }: OpenedRun): Readonly<Record<string, string>> {
  const skipped = describeSkipped(source.skipped ?? []);
  return skipped === undefined ? {} : { 'passed over as unusable': skipped };
}

function describeProvenance(config: RunConfig, provenance: Provenance): Readonly<Record<string, string>> {
  const { began, versions, machine, protocol, data, weights, changes } = provenance;
  return {
    began,
    ...protocol,
    ...versions,
    ...machine,
    provider: config.provider,
    seed: String(config.seed),
    ...Object.fromEntries(
      changes.map(({ at, files }) => [`data changed ${at}`, files.map(({ path }) => path).join(', ')]),
    ),
    'data (SHA-256)': data.sha256,
    'weights (SHA-256)': weights.sha256,
  };
}
