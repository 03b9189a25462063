// Executes a study from the command line: one run after another, then one table and one report.

import { existsSync } from 'node:fs';
import { UserError } from '../../base/errors.ts';
import { counted } from '../../base/small.ts';
import type { RunConfig } from '../../config/load.ts';
import { catalogueOf } from '../../config/plugins.ts';
import { matchParameters } from '../../forecast/sizes.ts';
import { writeFileAtomic, writeJsonAtomic } from '../../formats/files/files.ts';
import { lockFolder } from '../../formats/files/lock.ts';
import { useColor, widthOf } from '../../report/terminal/paint.ts';
import { formatDuration } from '../../report/words/numbers.ts';
import { runFiles } from '../../runs/run-folder.ts';
import type { Study, StudyRun } from '../../studies/load-study.ts';
import { runsIn, type SharedStep, takeOverSteps } from '../../studies/sharing.ts';
import { claimStudyFolder, studyFiles, withEarlierMethods } from '../../studies/study-folder.ts';
import type { ScoringMode } from '../../tasks/task.ts';
import { wholeNumber } from '../shell/options.ts';
import { writeResults } from '../shell/write-results.ts';
import { executeConfig, judgeLexically } from './execute-config.ts';

export interface ShowStudyOptions {
  readonly mode: ScoringMode;
  /** The command that does this again. */
  readonly again: string;
  /** Where to write the tables as Markdown, beside the study's folder. */
  readonly write?: string | undefined;
}

export interface ExecuteStudyOptions extends ShowStudyOptions {
  readonly jobs?: number | undefined;
  readonly quiet: boolean;
  readonly waived: boolean;
  readonly acceptChangedData: boolean;
}

/** Runs what is left of a study and shows its results. */
export async function executeStudy(loaded: Study, options: ExecuteStudyOptions): Promise<void> {
  const release = lockFolder(loaded.folder, {
    what: 'this study',
    otherwise: 'give another folder with --output',
  });
  try {
    const runs = matched(withEarlierMethods(loaded));
    claimStudyFolder(loaded, runs);
    for (const [index, run] of runs.entries()) await executeOne(loaded, run, { ...options, index });
    await showStudy(loaded, options);
  } finally {
    release();
  }
}

/** Each with the ranks that bring its methods to its budget; what differs in nothing that decides them is counted once. */
function matched(runs: readonly StudyRun[]): readonly StudyRun[] {
  const known = new Map<string, RunConfig['adapter']>();
  return runs.map(({ config, ...run }) => {
    const { model, adapter, methods, methodSettings, training } = config;
    const key = JSON.stringify({ model, adapter, methods, methodSettings, training });
    const settings = known.get(key) ?? matchParameters(config, catalogueOf(config)).adapter;
    known.set(key, settings);
    return { ...run, config: { ...config, adapter: settings } };
  });
}

async function executeOne(
  { folder, runs }: Study,
  { name, config }: StudyRun,
  { jobs, quiet, waived, acceptChangedData, again, index }: ExecuteStudyOptions & { readonly index: number },
): Promise<void> {
  let shared: readonly SharedStep[] = [];
  const { executed } = await executeConfig(config, {
    jobs,
    quiet,
    waived,
    acceptChangedData,
    again,
    title: `${index + 1}/${runs.length} ${name}`,
    sizes: index === 0,
    prepared: (matched) => {
      shared = takeOverSteps(folder, name, matched);
      return describeShared(name, shared);
    },
  });
  const judged = await judgeLexically(config);
  const computed = executed + shared.length + judged > 0;
  if (
    computed ||
    !existsSync(runFiles.metrics(config.output)) ||
    !existsSync(runFiles.report(config.output))
  ) {
    const { computeResults } = await import('../../report/compute.ts');
    await writeResults(config.output, await computeResults(config.output));
  }
}

/** The results of what is finished, on the terminal and in the study's folder. */
export async function showStudy(loaded: Study, { mode, write, again }: ShowStudyOptions): Promise<void> {
  // Loaded only here: they bring what draws tables and pages.
  const [{ computeStudyResults }, { splitTimes }, { renderStudy, studyMarkdown }, { renderStudyPage }] =
    await Promise.all([
      import('../../studies/study-results.ts'),
      import('../../studies/study-times.ts'),
      import('../../report/terminal/study-text.ts'),
      import('../../report/page/study-page.ts'),
    ]);
  const { folder } = loaded;
  if (runsIn(folder).length === 0) {
    throw new UserError({ file: folder, message: 'nothing of this study has been computed yet' });
  }
  const results = await computeStudyResults(loaded, { mode });
  const markdown = studyMarkdown(results, again);
  const kept = splitTimes(results);
  writeJsonAtomic(studyFiles.results(folder), kept.results);
  writeJsonAtomic(studyFiles.times(folder), kept.times);
  writeFileAtomic(studyFiles.markdown(folder), markdown);
  writeFileAtomic(studyFiles.report(folder), renderStudyPage(results));
  if (write !== undefined) writeFileAtomic(write, markdown);
  const text = renderStudy(results, { width: widthOf(process.stdout), color: useColor(process.stdout) });
  process.stdout.write(`${text.trimEnd()}\n\nReport: ${studyFiles.report(folder)}\n`);
}

/** What a run did not have to compute, and what that saved. */
function describeShared(name: string, shared: readonly SharedStep[]): string | undefined {
  if (shared.length === 0) return undefined;
  const trainings = shared.filter(({ step }) => step.kind === 'train').length;
  const seconds = shared.reduce((sum, step) => sum + step.seconds, 0);
  const from = [...new Set(shared.map((step) => step.from))];
  const parts = [
    ...(trainings === 0 ? [] : [counted(trainings, 'training')]),
    ...(shared.length === trainings ? [] : [counted(shared.length - trainings, 'evaluation')]),
  ];
  return `${name}: ${parts.join(' and ')} taken over from ${from.slice(0, 2).join(' and ')}${from.length > 2 ? ' and others' : ''}, which saves ${formatDuration(seconds)}`;
}

/** `3`, or `0,4,7`. */
export function readSeeds(text: string): number | readonly number[] {
  if (!text.includes(',')) return wholeNumber('--seeds', text);
  const seeds = text.split(',').map((part) => wholeNumber('--seeds', part.trim(), 0));
  if (new Set(seeds).size < seeds.length)
    throw new UserError(`--seeds: expected different seeds, found ${text}`);
  return seeds;
}
