// Checks a data folder in CoIN's layout before hours are spent on it, and says everything that is wrong at once.
// Changes nothing.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { counted } from '../../base/small.ts';
import { type CoinTask, coinTasks, tasks } from '../../tasks/index.ts';
import { datasetPath, instructionFile, instructionFolder } from '../../tasks/layout/instruction-files.ts';
import type { TaskSource } from '../../tasks/task.ts';
import { findContamination, readSeenImages } from './contamination.ts';
import { checkCount, originOf } from './counts.ts';
import { expectations } from './expectations.ts';
import type { DoctorReport, Finding, TaskReport } from './findings.ts';
import { checkImages, type ImageScope } from './images.ts';
import { findLeaks, type TaskImages } from './leakage.ts';
import { checkFile, type FileCheck, type Part } from './rows.ts';

export interface DoctorOptions {
  /** Holds `Instructions_<type>/` and `cl_dataset/`. */
  readonly folder: string;
  readonly instructionType?: string;
  readonly images?: ImageScope;
  /** A list of images that the base model was trained on. */
  readonly baseImages?: string;
  /** The folder is a part of CoIN's data on purpose: other counts and missing tasks are notes. */
  readonly subset?: boolean;
  readonly onProgress?: (text: string) => void;
}

/** @throws UserError when the folder, or the list of the base model's images, is not there. */
export async function examineData(options: DoctorOptions): Promise<DoctorReport> {
  const { folder, instructionType = 'Original', images: scope = 'sample', subset = false } = options;
  const { baseImages, onProgress } = options;
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new UserError({ file: folder, message: 'no such folder' });
  }
  const seen = baseImages === undefined ? undefined : readSeenImages(baseImages);
  const source: TaskSource = { root: folder, instructionType };
  const findings: Finding[] = [];
  const reports: TaskReport[] = [];
  const images: TaskImages[] = [];
  const instructions = instructionFolder(source);
  const present = existsSync(instructions) ? presentTasks(instructions) : [];
  findings.push(...whatIsThere(folder, instructions, present, subset));
  for (const task of present) {
    const { report, checks, found } = await examineTask(task, source, { scope, subset, onProgress });
    reports.push(report);
    images.push(checks);
    findings.push(...found);
  }
  onProgress?.('comparing images');
  findings.push(...findLeaks(folder, images));
  if (seen !== undefined) findings.push(...findContamination(folder, images, seen));
  const count = (severity: Finding['severity']) =>
    findings.filter((finding) => finding.severity === severity).length;
  return {
    folder,
    instructionType,
    images: scope,
    subset,
    tasks: reports,
    findings,
    errors: count('error'),
    warnings: count('warning'),
  };
}

function presentTasks(instructions: string): readonly CoinTask[] {
  const names = new Set(readdirSync(instructions));
  return coinTasks.filter((task) => names.has(task));
}

function whatIsThere(
  root: string,
  instructions: string,
  present: readonly CoinTask[],
  subset: boolean,
): readonly Finding[] {
  const name = relative(root, instructions) || basename(instructions);
  if (present.length === 0) {
    return [
      {
        severity: 'error',
        code: 'instructions-missing',
        message: `no instruction files: expected a folder per task in ${name}/`,
        hint: 'make them with coin data prepare, or choose another type with --instructions',
      },
    ];
  }
  const absent = coinTasks.filter((task) => !present.includes(task));
  if (absent.length === 0) return [];
  return [
    {
      severity: subset ? 'note' : 'warning',
      code: 'task-missing',
      message: `${absent.length} of ${coinTasks.length} tasks are not there: ${absent.join(', ')}`,
      hint: 'a run of the others needs a list of tasks: --set tasks=[...]',
    },
  ];
}

async function examineTask(
  task: CoinTask,
  source: TaskSource,
  {
    scope,
    subset,
    onProgress,
  }: {
    readonly scope: ImageScope;
    readonly subset: boolean;
    readonly onProgress: DoctorOptions['onProgress'];
  },
) {
  const { root, instructionType } = source;
  const found: Finding[] = [];
  const origin = originOf(root, task, instructionType);
  const checks: { task: CoinTask; train?: ImageCheckOf; test?: ImageCheckOf } = { task };
  const parts: { train?: FileCheck; test?: FileCheck } = {};
  let decoded = 0;
  for (const part of ['train', 'test'] as const) {
    onProgress?.(`${task}: reading ${part}`);
    const file = fileOf(task, part, source, found);
    if (file === undefined) continue;
    const check = checkFile(task, part, file, source);
    const { report } = check;
    found.push(...check.findings);
    if (check.findings.every(({ code }) => code !== 'file-unreadable')) {
      found.push(...checkCount(task, part, report.file, report.entries, origin, subset));
    }
    const imageCheck = await checkImages({
      task,
      root,
      file: report.file,
      images: check.images,
      scope,
      onDecoded: () => {
        decoded++;
        onProgress?.(`${task}: ${decoded} images decoded`);
      },
    });
    found.push(...imageCheck.findings);
    parts[part] = check;
    checks[part] = imageCheck;
  }
  found.push(...checkAnnotations(task, source, parts.test));
  const report: TaskReport = {
    task,
    ...(parts.train && { train: parts.train.report }),
    ...(parts.test && { test: parts.test.report }),
    decoded,
  };
  return { report, checks, found };
}

type ImageCheckOf = Awaited<ReturnType<typeof checkImages>>;

function fileOf(task: CoinTask, part: Part, source: TaskSource, found: Finding[]): string | undefined {
  try {
    return instructionFile(source, task, part === 'train' ? ['train.json'] : expectations[task].testFiles);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { message = '' } = error.issues[0] ?? {};
    const hint = `make it with coin data prepare --task ${task}`;
    found.push({ severity: 'error', task, code: 'file-missing', message, hint });
    return undefined;
  }
}

/** The files that scorers read are there, and the task's own reader finds every test row in them. */
function checkAnnotations(
  task: CoinTask,
  source: TaskSource,
  test: FileCheck | undefined,
): readonly Finding[] {
  const missing = expectations[task].annotations
    .filter(({ path }) => !existsSync(datasetPath(source, path)))
    .map(({ path, use, severity }): Finding => {
      const message = `${join('cl_dataset', path)} is not there: ${use}`;
      return { severity, task, code: 'annotation-missing', message };
    });
  // Without the files of either side there is nothing to hold rows against, and that is an error of its own.
  const isReadable = test?.findings.every(({ code }) => code !== 'file-unreadable') ?? false;
  if (!isReadable || missing.some(({ severity }) => severity === 'error')) return missing;
  const unfit: string[] = [];
  const unusable = (message: string): readonly Finding[] => [
    ...missing,
    { severity: 'error', task, code: 'annotation-unusable', message },
  ];
  try {
    tasks[task].loadTest(source, ({ row, reason }) => {
      // Faulty rows have their findings; images have their own check, which may have been left out.
      if (!test?.faulty.has(row) && !reason.startsWith('image not found')) unfit.push(reason);
    });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const [{ message = '', field, file = '' } = {}] = error.issues;
    const place = [relative(source.root, file).replaceAll('\\', '/'), field].filter(Boolean).join(': ');
    return unusable(`the annotation files cannot be read: ${place}: ${message}`);
  }
  if (unfit.length === 0) return missing;
  const rows = `${counted(unfit.length, 'test row')} ${unfit.length === 1 ? 'does' : 'do'} not fit`;
  return unusable(`${test?.report.file}: ${rows} the annotation files; the first: ${unfit[0]}`);
}
