// The folder of a study: where its files lie, and whether the study may go on in it.
//
//   study.json               what the study is, as of its last start
//   <run>/                   folders of ordinary runs
//   results.json             what the predictions say
//   times.json               how long it took, and what was shared
//   results.md, report.html
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import { writeJsonAtomic } from '../formats/files/files.ts';
import { configChanges, readRunConfig, runFiles } from '../runs/run-folder.ts';
import type { Study, StudyRun } from './load-study.ts';

export const studyFiles = {
  study: (folder: string) => join(folder, 'study.json'),
  results: (folder: string) => join(folder, 'results.json'),
  times: (folder: string) => join(folder, 'times.json'),
  markdown: (folder: string) => join(folder, 'results.md'),
  report: (folder: string) => join(folder, 'report.html'),
} as const;

/**
 * Makes sure that the folder is this study's and that every run in it can go on, and writes what the study is. The folder
 * is held by the caller.
 * @throws UserError with everything that has changed of runs that have begun.
 */
export function claimStudyFolder(study: Study, runs: readonly StudyRun[]): void {
  const { folder } = study;
  const others = readdirSync(folder).filter((name) => !/^(?:lock|feature-cache|nano-data-.*)$/.test(name));
  if (!existsSync(studyFiles.study(folder)) && others.length > 0) {
    throw new UserError({
      file: folder,
      message: `expected the folder of a study or an empty one, found ${others.slice(0, 3).join(', ')}`,
      hint: 'give another folder with --output',
    });
  }
  const issues = runs.flatMap(({ name, config }) =>
    existsSync(runFiles.config(join(folder, name))) ? configChanges(join(folder, name), config) : [],
  );
  const last = issues.at(-1);
  if (last !== undefined) {
    const hint =
      'what has begun is not changed: put the study back, add values instead of changing them, or give another folder with --output';
    throw new UserError([...issues.slice(0, -1), { ...last, hint }]);
  }
  const { name, question, axes, methods, seeds } = study;
  writeJsonAtomic(studyFiles.study(folder), {
    name,
    question,
    axes,
    methods,
    seeds,
    runs: runs.map((run) => run.name),
  });
}

/** The runs of a study as they go on: one that has more methods than the study names now keeps them. */
export function withEarlierMethods({ folder, runs }: Study): readonly StudyRun[] {
  return runs.map((run) => {
    const runFolder = join(folder, run.name);
    if (!existsSync(runFiles.config(runFolder))) return run;
    const { methods } = run.config;
    const earlier = readRunConfig(runFolder).methods.filter((method) => !methods.includes(method));
    return { ...run, config: { ...run.config, methods: [...methods, ...earlier] } };
  });
}
