// `coin run`: executes a run, or what is left of it, then shows its results and writes its report.
import { defineCommand } from 'citty';
import { loadConfig } from '../../config/load.ts';
import { requireTrainable } from '../../config/presets.ts';
import { computeResults } from '../../report/compute.ts';
import { useColor, widthOf } from '../../report/terminal/paint.ts';
import { runFiles } from '../../runs/run-folder.ts';
import { studyOfSeeds } from '../../studies/load-study.ts';
import { overrideArguments, readOverrides } from '../shell/overrides.ts';
import { writeResults } from '../shell/write-results.ts';
import {
  commandLine,
  executeConfig,
  executionArguments,
  jobsOption,
  judgeLexically,
} from './execute-config.ts';
import { executeStudy, readSeeds } from './execute-study.ts';

const definitions = {
  config: {
    type: 'positional',
    required: false,
    default: 'nano',
    description: 'nano, or a YAML file; see coin config',
  },
  ...overrideArguments,
  seeds: {
    type: 'string',
    valueHint: 'N|A,B',
    description: 'with several seeds (3 is 0, 1, 2), each a run, summed up as by coin study',
  },
  ...executionArguments,
} as const;

export const run = defineCommand({
  args: definitions,
  async run({ args, rawArgs }) {
    const overrides = readOverrides(rawArgs, definitions);
    const shared = {
      jobs: jobsOption(args.jobs),
      quiet: args.quiet === true,
      waived: args['waive-gate'] === true,
      acceptChangedData: args['accept-changed-data'] === true,
      again: commandLine('run', rawArgs),
    };
    requireTrainable(args.config);
    if (args.seeds !== undefined) {
      const study = studyOfSeeds(args.config, readSeeds(args.seeds), { overrides });
      await executeStudy(study, { ...shared, mode: 'strict' });
      return;
    }
    const { config } = await executeConfig(loadConfig(args.config, { overrides }), shared);
    await judgeLexically(config);
    await showResults(config.output);
  },
});

async function showResults(folder: string): Promise<void> {
  const { renderTables } = await import('../../report/terminal/terminal.ts');
  const results = await computeResults(folder);
  await writeResults(folder, results);
  const tables = renderTables(results, { width: widthOf(process.stdout), color: useColor(process.stdout) });
  process.stdout.write(`${tables.trimEnd()}\n\nReport: ${runFiles.report(folder)}\n`);
}
