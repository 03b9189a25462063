// `coin evaluate`: answers the questions of some tasks with a model and an adapter, without training; or audits a run.

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { defineCommand } from 'citty';
import { UserError } from '../../base/errors.ts';
import { type ConfigOverride, loadConfig } from '../../config/load.ts';
import { catalogueOf } from '../../config/plugins.ts';
import { type EvaluatedTask, evaluateModel } from '../../engine/evaluate-model.ts';
import { type AuditResult, auditRun } from '../../followups/audit.ts';
import { locateModel } from '../../models/index.ts';
import { prepareData } from '../../runs/data.ts';
import { runFiles } from '../../runs/run-folder.ts';
import { readSkipped } from '../../runs/skipped-file.ts';
import { usableSource } from '../../runs/usable-data.ts';
import { adapterFolder } from '../model/adapter-folder.ts';
import { readList } from '../shell/arguments.ts';
import { interruptible } from '../shell/interruption.ts';
import { checkProvider, wholeNumber } from '../shell/options.ts';
import { overrideArguments, readOverrides } from '../shell/overrides.ts';

const definitions = {
  target: {
    type: 'positional',
    required: true,
    description: 'the folder of a run or of a model in the llava-hf layout, or nano',
  },
  adapter: {
    type: 'string',
    valueHint: 'FOLDER',
    description: "an adapter: PEFT's, or of a run's stage; without it the model answers by itself",
  },
  task: {
    type: 'string',
    valueHint: 'NAME',
    description: 'a task to evaluate; may be repeated; all without it',
  },
  config: {
    type: 'string',
    default: 'nano',
    valueHint: 'CONFIG',
    description: "nano, or a YAML file: benchmark, samples, tokens; a run's own where the target is a run",
  },
  audit: {
    type: 'string',
    valueHint: 'K',
    description: 'answer K samples of the run again, each alone, and compare; exit code 1 where one differs',
  },
  json: { type: 'boolean', description: 'print JSON' },
  ...overrideArguments,
} as const;

/** Options that say nothing to an audit: it takes the run as it is. */
const notAudited = ['adapter', 'task', 'output', 'set'] as const;

export const evaluate = defineCommand({
  args: definitions,
  async run({ args, rawArgs }) {
    const { target, adapter, audit, provider } = args;
    const json = args.json === true;
    const isRun = existsSync(runFiles.provenance(target));
    const words = { stopping: 'Stopping; once more to kill.', stopped: 'Stopped.' };
    return interruptible(words, async (signal) => {
      if (audit !== undefined) {
        if (!isRun) throw new UserError({ file: target, message: '--audit expects the folder of a run' });
        const given = notAudited.find((name) => args[name] !== undefined);
        if (given !== undefined) throw new UserError(`--${given} has no meaning with --audit`);
        const result = await auditRun({
          folder: target,
          count: wholeNumber('--audit', audit),
          seed: args.seed === undefined ? 0 : wholeNumber('--seed', args.seed, 0),
          provider: provider === undefined ? undefined : checkProvider(provider),
          signal,
          onProgress: (done, total) => showProgress(`${done}/${total} answered again`, done === total, json),
        });
        showAudit(result, json);
        return result.disagreements.length === 0 ? 0 : 1;
      }
      if (isRun && adapter === undefined) {
        throw new UserError({
          file: target,
          message: 'a run holds many models: expected --adapter with the folder of a stage, or --audit K',
          hint: 'for example --adapter RUN/lora/8-OCRVQA; what the run measured itself, coin metrics shows',
        });
      }
      const outputFolder = args.output ?? join('runs', 'evaluation');
      const config = loadConfig(isRun ? runFiles.config(target) : args.config, {
        overrides: [
          ...(isRun ? [] : [{ path: ['model'], value: target, label: target }]),
          ...tasksOf(rawArgs),
          ...readOverrides(rawArgs, definitions),
          { path: ['output'], value: outputFolder, label: '--output' },
        ],
      });
      const catalogue = catalogueOf(config);
      const data = await prepareData(config, isRun ? target : outputFolder);
      const evaluated = await evaluateModel({
        modelFolder: locateModel(config.model, catalogueOf(config).families),
        config,
        catalogue,
        source: isRun
          ? { ...data, skipped: readSkipped(target) }
          : await usableSource({ config, catalogue, source: data }),
        outputFolder,
        signal,
        onProgress: (task, done, total) => showProgress(`${task}  ${done}/${total}`, done === total, json),
        adapterFolder: adapter === undefined ? undefined : adapterFolder(adapter),
      });
      showTasks(evaluated, json);
      return 0;
    });
  },
});

function tasksOf(rawArguments: readonly string[]): readonly ConfigOverride[] {
  const names = readList(rawArguments, definitions, 'task');
  return names.length === 0 ? [] : [{ path: ['tasks'], value: names, label: `--task ${names.join(' ')}` }];
}

function showTasks(evaluated: readonly EvaluatedTask[], json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ tasks: evaluated }, undefined, 2)}\n`);
    return;
  }
  const width = Math.max(...evaluated.map(({ task }) => task.length));
  process.stdout.write(`${'task'.padEnd(width)}  samples  strict  reference\n`);
  for (const { task, samples, accuracy } of evaluated) {
    const [strict, reference] = [accuracy.strict, accuracy.reference].map((percent) => percent.toFixed(1));
    process.stdout.write(
      `${task.padEnd(width)}  ${String(samples).padStart(7)}  ${strict?.padStart(6)}  ${reference?.padStart(9)}\n`,
    );
  }
  const [first] = evaluated;
  if (first !== undefined) process.stdout.write(`\nPredictions: ${dirname(first.predictionFile)}\n`);
}

function showAudit(result: AuditResult, json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
    return;
  }
  const { checked, recorded, disagreements } = result;
  for (const { step, id, recorded: was, alone } of disagreements) {
    process.stdout.write(
      `${step}  ${id}\n  recorded  ${was === undefined ? 'no answer' : JSON.stringify(was)}\n  alone     ${JSON.stringify(alone)}\n`,
    );
  }
  const verdict =
    disagreements.length === 0 ? 'all agree' : `${disagreements.length} of them are not what was recorded`;
  process.stdout.write(`${checked} of ${recorded} answers given again, each alone: ${verdict}\n`);
}

/** One line that is written over, on a terminal only. */
function showProgress(text: string, last: boolean, json: boolean): void {
  if (json || !process.stderr.isTTY) return;
  process.stderr.write(`\r${text}${last ? '\n' : ''}`);
}
