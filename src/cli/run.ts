// `coin run`: executes a run, or what is left of it, then shows its results and writes its report.
import { existsSync } from 'node:fs';
import { defineCommand } from 'citty';
import type { FeatureCounts } from '../models/llava/image-encoder.ts';
import { loadConfig, type RunConfig } from '../runs/config.ts';
import { executeRun } from '../runs/execute.ts';
import { RunInterrupted } from '../runs/interrupted.ts';
import { requireTrainable } from '../runs/presets.ts';
import { describeProtocol, recordProvenance } from '../runs/provenance.ts';
import { computeResults } from '../runs/results.ts';
import { runFiles } from '../runs/run-folder.ts';
import { featureCache, locateModel, prepareData } from '../runs/sources.ts';
import { checkZeroShotGate } from '../runs/zero-shot-gate.ts';
import { overrideArguments, readOverrides } from './arguments.ts';
import { listenForInterruption } from './interruption.ts';
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
  quiet: { type: 'boolean', alias: 'q', description: 'show the results only' },
} as const;

export const run = defineCommand({
  meta: { name: 'run', description: 'Train and evaluate; run it again to continue' },
  args: definitions,
  async run({ args, rawArgs }) {
    const config = loadConfig(args.config, { overrides: readOverrides(rawArgs, definitions) });
    requireTrainable(args.config);
    const executed = await execute(config, {
      quiet: args.quiet === true,
      waived: args['waive-gate'] === true,
      again: commandLine(rawArgs),
    });
    const judged = config.evaluation.judge === 'lexical' ? await judgeLexically(config.output) : 0;
    await showResults(config.output, executed + judged > 0);
  },
});

async function execute(
  config: RunConfig,
  { quiet, waived, again }: { readonly quiet: boolean; readonly waived: boolean; readonly again: string },
): Promise<number> {
  const modelFolder = locateModel(config);
  const progress = createProgress({ title: config.name, quiet });
  const interruption = listenForInterruption(() =>
    progress.notice('Stopping after this batch; once more to kill.'),
  );
  try {
    const source = await prepareData(config, config.output, {
      onBuild: (folder) => progress.notice(`Drawing the embedded data, once, in ${folder}`),
    });
    return await executeRun({
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
      openEngine: async () => {
        const { openEngine } = await import('../runs/engine.ts');
        return openEngine({
          config,
          modelFolder,
          onClose: (counts) => progress.notice(describeFeatures(counts, featureCache(config)?.folder)),
        });
      },
      observer: progress,
      signal: interruption.signal,
    });
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

function describeFeatures(
  { computed, fromMemory, fromDisk, writtenBytes }: FeatureCounts,
  folder: string | undefined,
): string {
  const counts = `Image features: ${computed} computed, ${fromMemory} from memory`;
  if (folder === undefined) return counts;
  return `${counts}, ${fromDisk} from ${folder}; ${(writtenBytes / 1e6).toFixed(0)} MB kept there`;
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
