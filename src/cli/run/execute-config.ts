// Executes a configured run from the command line: progress on stderr, Ctrl-C between two batches, how to go on after it.
// Shows no results.
import type { ArgsDef } from 'citty';
import type { RunConfig } from '../../config/load.ts';
import { featureCache, locateModel, prepareData } from '../../config/sources.ts';
import { jobsOf } from '../../engine/jobs.ts';
import { featureWarning } from '../../forecast/feature-storage.ts';
import { methodSizes, openShape } from '../../forecast/sizes.ts';
import type { FeatureCounts } from '../../models/llava/image-encoder.ts';
import { useColor, widthOf } from '../../report/terminal/paint.ts';
import { renderSizes } from '../../report/terminal/terminal-sizes.ts';
import { executeRun, type RunObserver } from '../../runs/execute.ts';
import { RunInterrupted } from '../../runs/interrupted.ts';
import { describeProtocol, recordProvenance } from '../../runs/provenance.ts';
import { checkZeroShotGate } from '../../runs/zero-shot-gate.ts';
import { listenForInterruption } from '../shell/interruption.ts';
import { wholeNumber } from '../shell/options.ts';
import { createProgress } from '../shell/progress.ts';

/** The options of whatever executes runs. */
export const executionArguments = {
  'waive-gate': {
    type: 'boolean',
    description: 'train although the zero-shot scores are not the published ones',
  },
  jobs: {
    type: 'string',
    alias: 'j',
    valueHint: 'N',
    description: 'steps done side by side; by default as many as help (small models on the cpu), else 1',
  },
  quiet: { type: 'boolean', alias: 'q', description: 'show the results only' },
} as const satisfies ArgsDef;

/** The number of `--jobs`; undefined where it is not given. */
export function jobsOption(text: string | undefined): number | undefined {
  return text === undefined ? undefined : wholeNumber('--jobs', text);
}

export interface ExecuteArguments {
  readonly jobs?: number | undefined;
  readonly quiet: boolean;
  /** Train whatever the zero-shot gate says. */
  readonly waived: boolean;
  /** The command that goes on where this one was stopped. */
  readonly again: string;
  /** Of the progress; by default the run's name. */
  readonly title?: string;
  /** Say at the beginning how the methods stand to the budget; by default it is said. */
  readonly sizes?: boolean;
  /** Called when the folder is ours, before anything is computed; what it returns is shown. */
  readonly prepared?: () => string | undefined;
}

/** What is left of a run, with its progress shown. Returns how many steps were executed. */
export async function executeConfig(config: RunConfig, options: ExecuteArguments): Promise<number> {
  const { quiet, waived, again, title = config.name, sizes = true, prepared } = options;
  const modelFolder = locateModel(config);
  const { jobs, threads } = jobsOf(config, modelFolder, options.jobs);
  const features: FeatureCounts[] = [];
  const progress = createProgress({ title, quiet });
  const interruption = listenForInterruption(() =>
    progress.notice('Stopping after this batch; once more to kill.'),
  );
  try {
    const source = await prepareData(config, config.output, {
      onBuild: (folder) => progress.notice(`Drawing the embedded data, once, in ${folder}`),
    });
    const executed = await executeRun({
      config,
      folder: config.output,
      source,
      prepare: (folder) => {
        recordProvenance(folder, {
          source,
          tasks: config.tasks,
          modelFolder,
          protocol: describeProtocol(config, source),
        });
        const said = prepared?.();
        if (said !== undefined) progress.notice(said);
      },
      beforeTraining: () => {
        const said = checkZeroShotGate({ config, folder: config.output, source, waived });
        if (said !== undefined) progress.notice(said);
        const warning = featureWarning(config, openShape(modelFolder).config, source);
        if (warning !== undefined) progress.notice(warning);
      },
      jobs,
      openEngine: async () => {
        const onClose = (counts: FeatureCounts) => void features.push(counts);
        // Loaded only here: with nothing left to do, no runtime is needed.
        if (jobs === 1) {
          const { openEngine } = await import('../../engine/engine.ts');
          return openEngine({ config, modelFolder, onClose });
        }
        const { openRemoteEngine } = await import('../../engine/remote-engine.ts');
        return openRemoteEngine({ config, modelFolder, source, threads: threads ?? 1, onClose });
      },
      observer: quiet || !sizes ? progress : announcing(progress, () => showSizes(config, modelFolder)),
      signal: interruption.signal,
    });
    if (executed > 0) progress.notice(describeFeatures(features, featureCache(config)?.folder));
    return executed;
  } catch (error) {
    progress.stop();
    if (error instanceof RunInterrupted) {
      process.stderr.write(
        `Stopped with ${error.stepsLeft} steps left${options.title === undefined ? '' : ` of ${title}`}. Nothing is lost; go on with\n  ${again}\n`,
      );
    }
    throw error;
  } finally {
    progress.stop();
    interruption.stop();
  }
}

/** An observer that first says something, when there is something to do. */
function announcing(observer: RunObserver, announce: () => void): RunObserver {
  return {
    runStarted: (steps) => {
      announce();
      observer.runStarted?.(steps);
    },
    stepStarted: (step) => observer.stepStarted?.(step),
    stepProgress: (step, progress) => observer.stepProgress?.(step, progress),
    stepFinished: (step) => observer.stepFinished?.(step),
  };
}

function showSizes(config: RunConfig, modelFolder: string): void {
  const options = { width: widthOf(process.stderr), color: useColor(process.stderr) };
  const sizes = methodSizes(config, openShape(modelFolder));
  process.stderr.write(`${renderSizes(sizes, config.adapter, options).join('\n')}\n\n`);
}

function describeFeatures(engines: readonly FeatureCounts[], folder: string | undefined): string {
  const sum = (of: (counts: FeatureCounts) => number) => engines.reduce((total, one) => total + of(one), 0);
  const counts = `Image features: ${sum(({ computed }) => computed)} computed, ${sum(({ fromMemory }) => fromMemory)} from memory`;
  if (folder === undefined) return counts;
  const written = (sum(({ writtenBytes }) => writtenBytes) / 1e6).toFixed(0);
  return `${counts}, ${sum(({ fromDisk }) => fromDisk)} from ${folder}; ${written} MB kept there`;
}

/**
 * The stand-in for a judge costs nothing, so that every run has both aspects unless it is told otherwise. Returns the
 * evaluations judged.
 */
export async function judgeLexically({ evaluation, output: folder }: RunConfig): Promise<number> {
  if (evaluation.judge !== 'lexical') return 0;
  const [{ lexicalCellJudge }, { judgeRun }] = await Promise.all([
    import('../../followups/judging/cell-judge.ts'),
    import('../../followups/judging/judge-run.ts'),
  ]);
  return judgeRun({ folder, judge: lexicalCellJudge() });
}

/** How to give the same command again. */
export function commandLine(name: string, rawArguments: readonly string[]): string {
  const command = process.env.npm_command === undefined ? 'coin' : 'npx coin';
  const quoted = rawArguments.map((text) =>
    /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`,
  );
  return [command, name, ...quoted].join(' ');
}
