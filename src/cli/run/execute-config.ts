// Executes a configured run from the command line: progress on stderr, Ctrl-C between two batches, how to go on after it.
// Shows no results. How a run is started is `runs/start.ts`.

import type { ArgsDef } from 'citty';
import type { RunConfig } from '../../config/load.ts';
import { catalogueOf } from '../../config/plugins.ts';
import { featureCache } from '../../engine/feature-cache.ts';
import { methodSizes } from '../../forecast/sizes.ts';
import type { FeatureCounts } from '../../models/image-encoder.ts';
import { locateModel, outlineModel } from '../../models/index.ts';
import { useColor, widthOf } from '../../report/terminal/paint.ts';
import { renderSizes } from '../../report/terminal/terminal-sizes.ts';
import { RunInterrupted } from '../../runs/interrupted.ts';
import { type StartedRun, startRun } from '../../runs/start.ts';
import { listenForInterruption } from '../shell/interruption.ts';
import { wholeNumber } from '../shell/options.ts';
import { createProgress } from '../shell/progress.ts';

/** The options of whatever executes runs. */
export const executionArguments = {
  'waive-gate': {
    type: 'boolean',
    description: 'train although the zero-shot scores are not the published ones',
  },
  'accept-changed-data': {
    type: 'boolean',
    description: 'go on although data changed since the run began; what was made from them is done again',
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
  /** Go on with data that changed. */
  readonly acceptChangedData: boolean;
  /** The command that goes on where this one was stopped. */
  readonly again: string;
  /** What the progress is called; by default the run's name. */
  readonly title?: string;
  /** Say at the beginning how the methods stand to the budget; by default it is said. */
  readonly sizes?: boolean;
  /** Called when the folder is ours, before it is known what is left; what it returns is shown. */
  readonly prepared?: (config: RunConfig) => string | undefined;
}

/** What is left of a run, with its progress shown. */
export async function executeConfig(given: RunConfig, options: ExecuteArguments): Promise<StartedRun> {
  const {
    quiet,
    waived,
    acceptChangedData,
    again,
    jobs,
    title = given.name,
    sizes = true,
    prepared,
  } = options;
  const progress = createProgress({ title, quiet });
  const interruption = listenForInterruption(() =>
    progress.notice('Stopping after this batch; once more to kill.'),
  );
  let config = given;
  try {
    const started = await startRun(given, {
      observer: {
        runReady: (matched) => {
          config = matched;
          const said = prepared?.(config);
          if (said !== undefined) progress.notice(said);
        },
        runStarted: (steps) => {
          if (sizes && !quiet) showSizes(config);
          progress.runStarted?.(steps);
        },
        stepStarted: (step) => progress.stepStarted?.(step),
        stepProgress: (step, done) => progress.stepProgress?.(step, done),
        stepFinished: (step) => progress.stepFinished?.(step),
        notice: (text) => progress.notice(text),
      },
      signal: interruption.signal,
      jobs,
      waiveGate: waived,
      acceptChangedData,
    });
    if (started.executed > 0)
      progress.notice(describeFeatures(started.features, featureCache(config)?.folder));
    return started;
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

function showSizes(config: RunConfig): void {
  const options = { width: widthOf(process.stderr), color: useColor(process.stderr) };
  const catalogue = catalogueOf(config);
  const { families } = catalogue;
  const outline = outlineModel(locateModel(config.model, families), families);
  const sizes = methodSizes(config, catalogue, outline);
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
