// observatory.json: how the mixtures of a run use their experts, stage by stage, and what each stage was made from. A
// stage that was trained again no longer counts. What is in it is read off by `observatory.ts`.
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { DataError } from '../base/errors.ts';
import { openMethod } from '../config/open-method.ts';
import type { EvaluateStep, TrainStep } from '../config/plan.ts';
import type { MethodName } from '../config/schema.ts';
import { type Choices, readChoices } from '../engine/measurements.ts';
import { sha256, writeFileAtomic } from '../formats/files/files.ts';
import { readJsonObject } from '../formats/records/json.ts';
import type { TaskUse } from '../metrics/routing.ts';
import { filesHash } from '../runs/completion.ts';
import type { OpenedRun } from '../runs/open.ts';
import { runFiles } from '../runs/run-folder.ts';

export interface RoutingResults {
  readonly mixtures: readonly MixtureResults[];
  /** Stages of mixtures whose gates nobody has read, or not since they were trained. */
  readonly unread: readonly { readonly method: string; readonly after: string; readonly stale: boolean }[];
  readonly choices: readonly ChoiceCell[];
}

/** How a mixture's experts are used, read off some test questions of each task with their right answers. */
export interface MixtureResults {
  readonly method: string;
  readonly experts: number;
  /** Paths of the adapted layers, in the order of every use. */
  readonly layers: readonly string[];
  /** Questions of a task, at most. */
  readonly samples: number;
  /** In training order. */
  readonly stages: readonly {
    readonly after: string;
    readonly tasks: readonly { readonly task: string; readonly samples: number; readonly use: TaskUse }[];
  }[];
}

/** Where a method that chooses a task's expert for every question sent those of one task. */
export interface ChoiceCell extends Choices {
  readonly method: string;
  readonly after: string;
  readonly task: string;
}

/** Raised when older files cannot be read. */
export const OBSERVATORY_SCHEMA = 'coin-observatory/1';

const share = z.number().min(0).max(1);
const shares = z.array(share).readonly();
const kindUse = z.object({
  tokens: z.int().min(1),
  layers: z.array(z.object({ weight: shares, first: shares, spread: share })).readonly(),
});
const taskSchema = z.object({
  task: z.string(),
  samples: z.int().min(1),
  use: z.object({
    image: kindUse.optional(),
    question: kindUse.optional(),
    answer: kindUse.optional(),
  }),
});
const stageSchema = z.object({
  after: z.string(),
  /** Hash of the adapter, the data, and how questions were drawn. */
  from: z.string(),
  tasks: z.array(taskSchema).readonly(),
});
const fileSchema = z.object({
  schema: z.literal(OBSERVATORY_SCHEMA),
  /** Test questions of a task, at most, and the seed that they were drawn by. */
  samples: z.int().min(1),
  seed: z.int().min(0),
  methods: z.record(
    z.string(),
    z.object({
      experts: z.int().min(1),
      layers: z.array(z.string()).readonly(),
      stages: z.array(stageSchema).readonly(),
    }),
  ),
});

export type Observatory = z.output<typeof fileSchema>;
export type ObservedStage = z.output<typeof stageSchema>;

/** @throws DataError naming the field when the file is damaged or of another version. */
export function readObservatory(folder: string): Observatory | undefined {
  const file = runFiles.observatory(folder);
  if (!existsSync(file)) return undefined;
  const parsed = fileSchema.safeParse(readJsonObject(file));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new DataError({
    file,
    field: issue?.path.join('.'),
    message: issue?.message ?? 'not an observatory',
    hint: 'delete it; `coin observe RUN` makes it again',
  });
}

/** On one line a stage: the numbers are many. */
export function writeObservatory(folder: string, observatory: Observatory): void {
  writeFileAtomic(runFiles.observatory(folder), `${JSON.stringify(observatory)}\n`);
}

/** The trained stages of the run's mixtures, each with the tasks that it is evaluated on. */
export function mixtureStages({
  config,
  catalogue,
  steps,
  records,
}: Pick<OpenedRun, 'config' | 'catalogue' | 'steps' | 'records'>) {
  const evaluations = steps.filter((step): step is EvaluateStep => step.kind === 'evaluate');
  return steps.flatMap((step) => {
    if (step.kind !== 'train' || !records.has(step.key)) return [];
    const { mixedExperts } = openMethod(config, catalogue.methods.get(step.method));
    if (mixedExperts === undefined) return [];
    const own = evaluations.filter(({ trained }) => trained?.key === step.key);
    return [{ step, experts: mixedExperts, tasks: own.map(({ task }) => task) }];
  });
}

/** What a stage's observation is made from. */
export function originOf(
  { records, provenance }: Pick<OpenedRun, 'records' | 'provenance'>,
  step: TrainStep,
  drawn: { readonly samples: number; readonly seed: number },
): string {
  const record = records.get(step.key);
  if (record === undefined) throw new Error(`internal: ${step.key} is not in the journal`);
  const { data, weights } = provenance;
  return sha256(JSON.stringify([filesHash(record), data.sha256, weights.sha256, drawn.samples, drawn.seed]));
}

/** What is known of routing in a run, for the report; undefined where no method routes. */
export function routingResults(run: OpenedRun): RoutingResults | undefined {
  const stages = mixtureStages(run);
  const file = stages.length === 0 ? undefined : readObservatory(run.folder);
  const observed = new Map<MethodName, MixtureResults['stages'][number][]>();
  const unread: RoutingResults['unread'][number][] = [];
  for (const { step } of stages) {
    const found = file?.methods[step.method]?.stages.find(({ after }) => after === step.task);
    const fresh = file !== undefined && found?.from === originOf(run, step, file);
    if (found !== undefined && fresh) {
      observed.set(step.method, [...(observed.get(step.method) ?? []), found]);
    } else {
      unread.push({ method: step.method, after: step.task, stale: found !== undefined });
    }
  }
  const mixtures = [...observed].flatMap(([method, ofMethod]): MixtureResults[] => {
    const known = file?.methods[method];
    if (file === undefined || known === undefined) return [];
    const { experts, layers } = known;
    return [{ method, experts, layers, samples: file.samples, stages: ofMethod }];
  });
  const choices = choiceCells(run);
  if (stages.length === 0 && choices.length === 0) return undefined;
  return { mixtures, unread, choices };
}

/** By the journal, which counts what the last try of an evaluation answered. */
function choiceCells({ done, records }: OpenedRun): readonly ChoiceCell[] {
  return done.flatMap(({ key, task, trained }): ChoiceCell[] => {
    const choices = readChoices(records.get(key)?.measured ?? {});
    if (trained === undefined || choices === undefined) return [];
    return [{ method: trained.method, after: trained.task, task, ...choices }];
  });
}
