// `coin plan`: what a run will take, before it runs: steps, tokens, arithmetic, memory, disk, and hours by a short probe.

import { defineCommand } from 'citty';
import { loadConfig, type RunConfig } from '../../config/load.ts';
import { catalogueOf } from '../../config/plugins.ts';
import { requireTrainable } from '../../config/presets.ts';
import { engineOf } from '../../engine/engine-of.ts';
import { jobsOf } from '../../engine/jobs.ts';
import { estimateRun, type RunEstimate, type StepEstimate } from '../../forecast/estimate.ts';
import type { FeatureStorage } from '../../forecast/feature-storage.ts';
import { describeFit, type Fit, fitOf } from '../../forecast/fit.ts';
import { probeRun, type SpeedProbeResult } from '../../forecast/probe.ts';
import { matchParameters, methodSizes, type SizesOfRun } from '../../forecast/sizes.ts';
import { locateModel, sketchModel } from '../../models/index.ts';
import { painter, useColor, widthOf } from '../../report/terminal/paint.ts';
import { type GridCell, renderGrid, wrap } from '../../report/terminal/terminal-grid.ts';
import { renderSizes } from '../../report/terminal/terminal-sizes.ts';
import { absent, formatCount, formatDuration } from '../../report/words/numbers.ts';
import { prepareData } from '../../runs/data.ts';
import { usableSource } from '../../runs/usable-data.ts';
import { overrideArguments, readOverrides } from '../shell/overrides.ts';

const definitions = {
  config: {
    type: 'positional',
    required: false,
    default: 'nano',
    description: 'a built-in configuration or a YAML file; see coin config',
  },
  ...overrideArguments,
  'no-probe': { type: 'boolean', description: 'run nothing: no hours' },
  json: { type: 'boolean', description: 'print JSON' },
} as const;

export const plan = defineCommand({
  args: definitions,
  async run({ args, rawArgs }) {
    const loaded = loadConfig(args.config, { overrides: readOverrides(rawArgs, definitions) });
    requireTrainable(args.config);
    const catalogue = catalogueOf(loaded);
    const modelFolder = locateModel(loaded.model, catalogue.families);
    const model = sketchModel(modelFolder, catalogue.families);
    const config = matchParameters(loaded, catalogue, model);
    const source = await usableSource({
      config,
      catalogue,
      source: await prepareData(config, config.output),
    });
    const estimate = await estimateRun(config, catalogue, model, source);
    const { jobs } = jobsOf(config, modelFolder);
    // Of another device's memory nothing is known here.
    const fit = config.provider === 'cpu' ? fitOf(estimate, jobs) : undefined;
    // citty takes `--no-probe` for a `probe` that is false. What does not fit, or is not there, is not tried.
    const probe =
      rawArgs.includes('--no-probe') ||
      model.unknown !== undefined ||
      (fit !== undefined && fit.batchSize === undefined)
        ? undefined
        : await probeRun(config, catalogue, source, (probed) => engineOf({ config: probed }), {
            largestBatch: fit?.batchSize,
            onStep: (text) => process.stderr.write(`Probing: ${text}\n`),
          });
    const stages = stagesOf(estimate, config, probe);
    const sizes = methodSizes(config, catalogue, model);
    process.stdout.write(
      args.json === true
        ? `${JSON.stringify({ ...asJson(estimate, sizes, stages, probe), fit, unknown: model.unknown }, undefined, 2)}\n`
        : `${asText(config, estimate, sizes, stages, probe, fit, model.unknown)}\n`,
    );
  },
});

/** A row of the plan: a stage's training and its evaluations together, or everything zero-shot. */
interface Stage {
  readonly method: string;
  readonly stage: number;
  readonly task: string;
  readonly train?: StepEstimate;
  readonly evaluations: readonly StepEstimate[];
  readonly trainingSeconds?: number;
  readonly evaluationSeconds?: number;
}

function stagesOf(
  estimate: RunEstimate,
  config: RunConfig,
  probe: SpeedProbeResult | undefined,
): readonly Stage[] {
  const groups = new Map<string, StepEstimate[]>();
  for (const one of estimate.steps) {
    const key = one.step.kind === 'train' ? one.step.key : (one.step.trained?.key ?? 'zero-shot');
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const rates = ratesOf(estimate, config, probe);
  return [...groups.values()].map((group): Stage => {
    const train = group.find(({ step }) => step.kind === 'train');
    const evaluations = group.filter(({ step }) => step.kind === 'evaluate');
    const evaluationFlops = evaluations.reduce((total, { flops }) => total + flops, 0);
    const trained = train?.step.kind === 'train' ? train.step : undefined;
    return {
      method: trained === undefined ? 'zero-shot' : trained.label,
      stage: trained?.stage ?? 0,
      task: trained?.task ?? '',
      ...(train && { train }),
      evaluations,
      ...(rates.training && train && { trainingSeconds: train.flops / rates.training }),
      ...(rates.evaluation && { evaluationSeconds: evaluationFlops / rates.evaluation }),
    };
  });
}

/** Matrix-product operations a second that the probe reached, by what the estimate says its samples took. */
function ratesOf(estimate: RunEstimate, config: RunConfig, probe: SpeedProbeResult | undefined) {
  if (probe === undefined) return {};
  const train = estimate.steps.find(({ step }) => step.kind === 'train' && step.task === probe.task);
  const evaluation = estimate.steps.find(({ step }) => step.kind === 'evaluate' && step.task === probe.task);
  const { training, answers } = probe;
  const rate = (one: StepEstimate | undefined, samples = 0, seconds = 0) =>
    one === undefined || one.samples === 0 || samples === 0 || seconds === 0
      ? undefined
      : ((one.flops / one.samples) * samples) / seconds;
  return {
    training: rate(train, training?.samples, training?.seconds),
    evaluation: rate(evaluation, answers.samples, answers.seconds),
    methods: config.methods,
  };
}

function asJson(
  estimate: RunEstimate,
  sizes: SizesOfRun,
  stages: readonly Stage[],
  probe: SpeedProbeResult | undefined,
) {
  const part = ({ samples, steps, tokens, flops }: StepEstimate) => ({
    samples,
    steps,
    tokens: Math.round(tokens),
    flops,
  });
  const { parameters, trainable, memory, disk, features } = estimate;
  return {
    parameters,
    trainable,
    budget: sizes.budget,
    sizes: sizes.methods,
    stages: stages.map(({ method, stage, task, train, evaluations, trainingSeconds, evaluationSeconds }) => ({
      method,
      stage,
      task,
      ...(train && { train: { ...part(train), ...(trainingSeconds && { hours: trainingSeconds / 3600 }) } }),
      evaluation: {
        ...part(sumOf(evaluations)),
        ...(evaluationSeconds && { hours: evaluationSeconds / 3600 }),
      },
    })),
    memory,
    features,
    disk,
    ...(probe && { probe }),
  };
}

function sumOf(steps: readonly StepEstimate[]): StepEstimate {
  const [first] = steps;
  const total = (of: (one: StepEstimate) => number) => steps.reduce((sum, one) => sum + of(one), 0);
  return {
    step: first?.step as StepEstimate['step'],
    samples: total(({ samples }) => samples),
    steps: total(({ steps: count }) => count),
    tokens: total(({ tokens }) => tokens),
    flops: total(({ flops }) => flops),
  };
}

function asText(
  config: RunConfig,
  estimate: RunEstimate,
  sizes: SizesOfRun,
  stages: readonly Stage[],
  probe: SpeedProbeResult | undefined,
  fit: Fit | undefined,
  unknown: readonly string[] = [],
): string {
  const color = useColor(process.stdout);
  const paint = painter(color);
  const options = { width: widthOf(process.stdout), color };
  const cells = (one: StepEstimate | undefined, seconds: number | undefined): readonly GridCell[] =>
    one === undefined
      ? Array.from({ length: 4 }, () => ({ text: '' }))
      : [
          { text: formatCount(one.samples) },
          { text: short(one.tokens) },
          { text: short(one.flops) },
          { text: seconds === undefined ? absent : formatDuration(seconds) },
        ];
  const rows = stages.map((stage): readonly GridCell[] => [
    { text: stage.stage === 0 ? stage.method : `${stage.method} ${stage.stage}` },
    { text: stage.task },
    { text: stage.train === undefined ? '' : formatCount(stage.train.steps) },
    ...cells(stage.train, stage.trainingSeconds),
    ...cells(sumOf(stage.evaluations), stage.evaluationSeconds),
  ]);
  const allTraining = sumOf(stages.flatMap(({ train }) => train ?? []));
  const allAnswers = sumOf(stages.flatMap(({ evaluations }) => evaluations));
  const seconds = (of: (stage: Stage) => number | undefined) =>
    probe === undefined ? undefined : stages.reduce((total, stage) => total + (of(stage) ?? 0), 0);
  rows.push([
    { text: 'all', style: 'bold' },
    { text: '' },
    { text: formatCount(allTraining.steps) },
    ...cells(
      allTraining,
      seconds(({ trainingSeconds }) => trainingSeconds),
    ),
    ...cells(
      allAnswers,
      seconds(({ evaluationSeconds }) => evaluationSeconds),
    ),
  ]);
  const headings = ['stage', 'trains', 'steps', 'samples', 'tokens', 'FLOP', 'time'];
  const table = renderGrid(
    [...headings, 'answers', 'tokens', 'FLOP', 'time'].map((heading, index) => ({
      heading,
      align: index < 2 ? 'left' : 'right',
    })),
    rows,
    { ...options, ruleBefore: [rows.length - 1] },
  );
  const { memory, disk, parameters, features } = estimate;
  const named = (name: string, text: string) =>
    wrap(text, options.width - 11).map((line, index) => `${(index === 0 ? name : '').padEnd(11)}${line}`);
  const said = (text: string) => wrap(text, options.width).map((line) => paint('dim', line));
  return [
    paint('bold', `${config.name}: ${config.tasks.length} tasks, a model of ${short(parameters)} parameters`),
    ...table,
    '',
    ...renderSizes(sizes, config.adapter, options),
    '',
    ...named(
      'Memory',
      `of an engine: weights ${bytes(memory.weights)}, training ${bytes(memory.training)}, a batch at most ${bytes(memory.activations)}, image features ${bytes(memory.features)}`,
    ),
    ...(fit === undefined ? [] : named('Machine', describeFit(fit, config, bytes))),
    ...named('Features', describeFeatures(features)),
    ...named(
      'Disk',
      `adapters ${bytes(disk.adapters)}, a checkpoint ${bytes(disk.checkpoint)}, predictions ${bytes(disk.predictions)}`,
    ),
    ...said('FLOP: of matrix products, without padding. Tokens: from a few samples of each task.'),
    ...(fit !== undefined && fit.engines > 1 && probe !== undefined
      ? said(`Times are of one engine; ${fit.engines} work side by side, which takes less time by the clock.`)
      : []),
    ...unknown.flatMap(said),
    ...(probe === undefined
      ? said('No probe: no times.')
      : said(
          `Probe on ${probe.task}: ${describeTraining(probe)}${probe.answers.samples} answers in ${formatDuration(probe.answers.seconds)}, ${bytes(probe.peakMemory)} of memory at most. Right answers were assumed; longer ones take longer.`,
        )),
  ].join('\n');
}

function describeFeatures({ stage, memory, disk, isKept }: FeatureStorage): string {
  const kept = `of the largest stage ${bytes(stage)}, kept in memory up to ${bytes(memory)} and on disk up to ${bytes(disk)}`;
  return isKept ? kept : `${kept}: images go through the vision tower again in every epoch`;
}

function describeTraining({ training }: SpeedProbeResult): string {
  return training === undefined
    ? ''
    : `${training.samples} samples trained in ${formatDuration(training.seconds)}, `;
}

/** Three digits and a prefix: 1.23 M. */
function short(value: number): string {
  const units = ['', ' k', ' M', ' G', ' T', ' P', ' E', ' Z', ' Y'];
  let unit = 0;
  let scaled = value;
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${unit === 0 ? Math.round(scaled) : Number(scaled.toPrecision(3))}${units[unit]}`;
}

function bytes(value: number): string {
  return `${short(value)}${value < 999.5 ? ' ' : ''}B`;
}
