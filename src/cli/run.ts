// `coin run`: executes a run, or what is left of it, then shows its results and writes its report.
import { existsSync } from 'node:fs';
import { defineCommand } from 'citty';
import type { FeatureCounts } from '../models/llava/image-encoder.ts';
import { renderSizes } from '../report/terminal-sizes.ts';
import { loadConfig, type RunConfig } from '../runs/config.ts';
import { executeRun, type RunObserver } from '../runs/execute.ts';
import { RunInterrupted } from '../runs/interrupted.ts';
import { jobsOf } from '../runs/jobs.ts';
import { matchParameters, methodSizes, openShape } from '../runs/matching.ts';
import { requireTrainable } from '../runs/presets.ts';
import { describeProtocol, recordProvenance } from '../runs/provenance.ts';
import { computeResults } from '../runs/results.ts';
import { runFiles } from '../runs/run-folder.ts';
import { featureCache, locateModel, prepareData } from '../runs/sources.ts';
import { checkZeroShotGate } from '../runs/zero-shot-gate.ts';
import { overrideArguments, readOverrides } from './arguments.ts';
import { listenForInterruption } from './interruption.ts';
import { wholeNumber } from './options.ts';
import { createProgress } from './progress.ts';
import { useColor, widthOf } from './style.ts';
import { writeResults } from './write-results.ts';

const definitions = {
  config: {
    type: 'positional',
    required: false,
    default: 'nano',
    description: 'nano, or a YAML file; see coin config',
  },
  ...overrideArguments,
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
} as const;

export const run = defineCommand({
  meta: { name: 'run', description: 'Train and evaluate; run it again to continue' },
  args: definitions,
  async run({ args, rawArgs }) {
    const loaded = loadConfig(args.config, { overrides: readOverrides(rawArgs, definitions) });
    requireTrainable(args.config);
    const config = matchParameters(loaded);
    const executed = await execute(config, {
      jobs: args.jobs === undefined ? undefined : wholeNumber('--jobs', args.jobs, 1),
      quiet: args.quiet === true,
      waived: args['waive-gate'] === true,
      again: commandLine(rawArgs),
    });
    const judged = config.evaluation.judge === 'lexical' ? await judgeLexically(config.output) : 0;
    await showResults(config.output, executed + judged > 0);
  },
});

interface ExecuteArguments {
  readonly jobs?: number | undefined;
  readonly quiet: boolean;
  readonly waived: boolean;
  readonly again: string;
}

async function execute(config: RunConfig, options: ExecuteArguments): Promise<number> {
  const { quiet, waived, again } = options;
  const modelFolder = locateModel(config);
  const { jobs, threads } = jobsOf(config, modelFolder, options.jobs);
  const features: FeatureCounts[] = [];
  const progress = createProgress({ title: config.name, quiet });
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
      prepare: (folder) =>
        recordProvenance(folder, {
          source,
          tasks: config.tasks,
          modelFolder,
          protocol: describeProtocol(config, source),
        }),
      beforeTraining: () => {
        const said = checkZeroShotGate({ config, folder: config.output, source, waived });
        if (said !== undefined) progress.notice(said);
      },
      jobs,
      openEngine: async () => {
        const onClose = (counts: FeatureCounts) => void features.push(counts);
        // Loaded only here: with nothing left to do, no runtime is needed.
        if (jobs === 1) {
          const { openEngine } = await import('../runs/engine.ts');
          return openEngine({ config, modelFolder, onClose });
        }
        const { openRemoteEngine } = await import('../runs/remote-engine.ts');
        return openRemoteEngine({ config, modelFolder, source, threads: threads ?? 1, onClose });
      },
      observer: quiet ? progress : announcing(progress, () => showSizes(config, modelFolder)),
      signal: interruption.signal,
    });
    if (executed > 0) progress.notice(describeFeatures(features, featureCache(config)?.folder));
    return executed;
  } catch (error) {
    progress.stop();
    if (error instanceof RunInterrupted) {
      process.stderr.write(
        `Stopped with ${error.stepsLeft} steps left. Nothing is lost; go on with\n  ${again}\n`,
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

/** The stand-in for a judge costs nothing, so that every run has both aspects. Returns the evaluations judged. */
async function judgeLexically(folder: string): Promise<number> {
  const [{ lexicalCellJudge }, { judgeRun }] = await Promise.all([
    import('../runs/judging/cell-judge.ts'),
    import('../runs/judging/judge-run.ts'),
  ]);
  return judgeRun({ folder, judge: lexicalCellJudge() });
}

async function showResults(folder: string, changed: boolean): Promise<void> {
  const { renderTables } = await import('../report/terminal.ts');
  const results = await computeResults(folder);
  const absent = [runFiles.metrics(folder), runFiles.report(folder)].some((file) => !existsSync(file));
  if (changed || absent) await writeResults(folder, results);
  const tables = renderTables(results, { width: widthOf(process.stdout), color: useColor(process.stdout) });
  process.stdout.write(`${tables.trimEnd()}\n\nReport: ${runFiles.report(folder)}\n`);
}

/** How to give the same command again. */
function commandLine(rawArguments: readonly string[]): string {
  const command = process.env.npm_command === undefined ? 'coin' : 'npx coin';
  const quoted = rawArguments.map((text) =>
    /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`,
  );
  return [command, 'run', ...quoted].join(' ');
}
