// `coin study`: runs a grid of configurations, or what is left of it, and shows one table and one report. Steps that two
// runs have in common are computed once.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineCommand } from 'citty';
import { runFiles } from '../../runs/run-folder.ts';
import { loadStudy, type Study, shippedStudies, studyFile } from '../../studies/load-study.ts';
import { scoringModes } from '../../tasks/task.ts';
import { oneOf } from '../shell/arguments.ts';
import { overrideArguments, readOverrides } from '../shell/overrides.ts';
import { commandLine, executionArguments, jobsOption } from './execute-config.ts';
import { executeStudy, readSeeds, showStudy } from './execute-study.ts';

const { seed: _, ...overridesOfStudy } = overrideArguments;

const definitions = {
  study: {
    type: 'positional',
    required: false,
    description: `a YAML file, or one of ${shippedStudies().join(', ')}; without it they are listed`,
  },
  ...overridesOfStudy,
  output: { ...overridesOfStudy.output, description: 'folder of the study' },
  base: { type: 'string', valueHint: 'NAME|FILE', description: "another configuration than the study's" },
  seeds: { type: 'string', valueHint: 'N|A,B', description: 'how many seeds (3 is 0, 1, 2), or which' },
  mode: { type: 'string', default: 'strict', valueHint: 'MODE', description: 'scoring: strict or reference' },
  write: { type: 'string', valueHint: 'FILE.md', description: 'write the tables as Markdown there too' },
  'dry-run': { type: 'boolean', description: 'list the runs and check them, compute nothing' },
  results: { type: 'boolean', description: 'show what is there, compute nothing' },
  print: { type: 'boolean', description: "print the study's file, to begin your own from" },
  ...executionArguments,
} as const;

export const study = defineCommand({
  args: definitions,
  async run({ args, rawArgs }) {
    if (args.study === undefined) {
      process.stdout.write(listStudies());
      return;
    }
    if (args.print === true) {
      process.stdout.write(readFileSync(studyFile(args.study)));
      return;
    }
    const loaded = loadStudy(args.study, {
      overrides: readOverrides(rawArgs, definitions),
      base: args.base,
      ...(args.seeds === undefined ? {} : { seeds: readSeeds(args.seeds) }),
    });
    const mode = oneOf('--mode', args.mode, scoringModes);
    if (args['dry-run'] === true) {
      process.stdout.write(describeStudy(loaded));
      return;
    }
    const shown = { mode, again: commandLine('study', rawArgs), write: args.write };
    if (args.results === true) {
      await showStudy(loaded, shown);
      return;
    }
    await executeStudy(loaded, {
      ...shown,
      jobs: jobsOption(args.jobs),
      quiet: args.quiet === true,
      waived: args['waive-gate'] === true,
      acceptChangedData: args['accept-changed-data'] === true,
    });
  },
});

function describeStudy({ name, question, folder, axes, methods, seeds, runs }: Study): string {
  return [
    name,
    ...(question === undefined ? [] : [question]),
    '',
    ...axes.map(
      ({ label, values }) =>
        `${label}: ${values.map((value) => (value.includes(', ') ? `[${value}]` : value)).join(', ')}`,
    ),
    `methods: ${methods.join(', ')}`,
    `seeds: ${seeds.join(', ')}`,
    '',
    `${runs.length} runs in ${folder}:`,
    ...runs.map((run) => `  ${run.name}  (${runFiles.report(join(folder, run.name))})`),
    '',
  ].join('\n');
}

function listStudies(): string {
  const lines = shippedStudies().map((name) => {
    const question = /^question: *(.*)$/m.exec(readFileSync(studyFile(name), 'utf8'))?.[1] ?? '';
    return `  ${name.padEnd(14)}${question.replace(/^["']|["']$/g, '')}`;
  });
  return `Studies that come along; \`coin study NAME --print\` shows one:\n${lines.join('\n')}\n`;
}
