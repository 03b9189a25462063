// What a run's saved stages would have answered otherwise, without training: models between stages, means of stages, and
// later tasks by an earlier stage. Files: what-if/questions.json, what-if/journal.jsonl, and
// what-if/<method>/<model>/<Task>.jsonl with the answers that the run itself does not have.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { present } from '../base/errors.ts';
import { openMethod } from '../config/open-method.ts';
import type { EvaluateStep, TrainStep } from '../config/plan.ts';
import type { MethodName } from '../config/schema.ts';
import { AdapterAnswers } from '../engine/adapter-answers.ts';
import type { RunEngine } from '../engine/contract.ts';
import { engineOf } from '../engine/engine-of.ts';
import { makeFolder, sha256, writeJsonAtomic } from '../formats/files/files.ts';
import { readRows } from '../formats/records/json.ts';
import { blend, stageLora } from '../methods/shared/blend.ts';
import { readStage } from '../methods/shared/stage-files.ts';
import { locateModel } from '../models/index.ts';
import { type Cell as AnswerCell, CellJournal } from '../runs/cell-journal.ts';
import type { OpenedRun } from '../runs/open.ts';
import type { TaskName } from '../tasks/index.ts';
import { readPredictions, requireKnownIds } from '../tasks/predictions.ts';
import type { ScoringMode, TaskScore } from '../tasks/task.ts';
import { answerByStage, answerCells, type FollowUp, type FollowUpOptions, followUp } from './followup.ts';
import { nameOf, onlyStage, type WhatIfModel } from './what-if-models.ts';

export interface WhatIfResults {
  readonly rows: readonly WhatIfRow[];
}

/** A weighted sum of a method's stages, and its scores on the tasks that the method has trained on. */
export interface WhatIfRow {
  readonly method: string;
  readonly label: string;
  /** Stages counted from 1, 0 for the base model. */
  readonly parts: readonly { readonly stage: number; readonly weight: number }[];
  /** Whether it is the last stage, as it was trained. */
  readonly isTrained: boolean;
  readonly modes: Readonly<
    Record<
      ScoringMode,
      {
        /** Percent by task. */
        readonly scores: Readonly<Record<string, number>>;
        /** Their mean: ACC of a stream that ends with this model. */
        readonly average: number;
      }
    >
  >;
}

export interface WhatIfOptions extends FollowUpOptions {
  /** What is asked; of this run, and possible (`what-if-models.ts`). */
  readonly models: (run: OpenedRun) => readonly WhatIfModel[];
  /** Answers with stages as they are; by default the run's own engine. */
  readonly openEngine?: (run: OpenedRun) => Promise<RunEngine>;
  /** Told before the first answer how many evaluations are to be made, and how many are there. */
  readonly onPlan?: (left: number, there: number) => void;
  readonly onCell?: (model: WhatIfModel, task: TaskName) => void;
}

/** A model on a task, where the run has no answers of it; made from the stages that are mixed. */
interface Cell extends AnswerCell {
  readonly model: WhatIfModel;
  readonly task: TaskName;
}

/** Answers what is not answered yet; returns how many evaluations that were. Running it again continues. */
export async function whatIf(options: WhatIfOptions): Promise<number> {
  const { openEngine = engineOf, onPlan, onCell } = options;
  return followUp({ ...options, openEngine }, async (asking) => {
    const { run, signal } = asking;
    const asked = options.models(run);
    keepQuestions(run.folder, asked);
    const journal = CellJournal.open(run.folder, journalOf(run.folder));
    const cells = asked.flatMap((model) =>
      tasksOf(run, model.method).flatMap((task) =>
        recordedStep(run, model, task) === undefined ? [cellOf(run, model, task)] : [],
      ),
    );
    const left = cells.filter((cell) => !journal.isThere(cell));
    const all = asked.reduce((total, { method }) => total + tasksOf(run, method).length, 0);
    onPlan?.(left.length, all - left.length);
    const mixed = new MixedStages(asking);
    try {
      return await answerCells('evaluate', {
        journal,
        cells: left,
        signal,
        answer: async (cell) => {
          await answer(asking, mixed, cell);
          return {};
        },
        onCell: ({ model, task }) => onCell?.(model, task),
      });
    } finally {
      await mixed.close();
    }
  });
}

/** Scores of everything that was asked and is answered, from the files; undefined where nothing was asked. */
export function whatIfResults(run: OpenedRun): WhatIfResults | undefined {
  const { folder } = run;
  const journal = CellJournal.read(folder, journalOf(folder));
  const rows = readQuestions(folder).flatMap((model): WhatIfRow[] => {
    const names = tasksOf(run, model.method);
    const scored = names.map((task) => [task, scoreOf(run, journal, model, task)] as const);
    if (scored.some(([, score]) => score === undefined)) return [];
    const inMode = (mode: ScoringMode) => {
      const scores = scored.map(([task, score]) => [task, present(score, task)(mode).accuracy] as const);
      const average = scores.reduce((sum, [, accuracy]) => sum + accuracy, 0) / scores.length;
      return { scores: Object.fromEntries(scores), average };
    };
    const stage = onlyStage(model);
    return [
      {
        method: model.method,
        label: run.catalogue.methods.get(model.method).label,
        parts: model.parts,
        isTrained: stage !== undefined && stage === trainedSteps(run, model.method).length,
        modes: { strict: inMode('strict'), reference: inMode('reference') },
      },
    ];
  });
  return rows.length === 0 ? undefined : { rows };
}

/** The stages of a method that are trained, in order. */
export function trainedSteps(run: OpenedRun, method: MethodName): readonly TrainStep[] {
  return run.steps.filter(
    (step): step is TrainStep => step.kind === 'train' && step.method === method && run.records.has(step.key),
  );
}

/** The tasks that a method has trained on: what every model of it is asked. */
function tasksOf(run: OpenedRun, method: MethodName): readonly TaskName[] {
  return trainedSteps(run, method).flatMap((step) => step.tasks);
}

/** The run's own evaluation, where the model is one of its stages, or the base model. */
function recordedStep(run: OpenedRun, model: WhatIfModel, task: TaskName): EvaluateStep | undefined {
  const stage = onlyStage(model);
  if (stage === undefined) return undefined;
  return run.done.find(
    (step) =>
      step.task === task &&
      (stage === 0
        ? step.trained === undefined
        : step.trained?.method === model.method && step.trained.stage === stage),
  );
}

function cellOf(run: OpenedRun, model: WhatIfModel, task: TaskName): Cell {
  const { method, parts } = model;
  const key = `${method}/${nameOf(parts)}/${task}`;
  const trained = trainedSteps(run, method);
  const from = sha256(
    JSON.stringify([
      run.provenance.weights.sha256,
      run.provenance.data.sha256,
      ...parts.map(({ stage, weight }) => [
        weight,
        Object.entries(run.records.get(trained[stage - 1]?.key ?? '')?.files ?? {}).sort(),
      ]),
    ]),
  );
  return { model, task, key, file: `what-if/${key}.jsonl`, from };
}

function scoreOf(
  run: OpenedRun,
  journal: CellJournal,
  model: WhatIfModel,
  task: TaskName,
): ((mode: ScoringMode) => TaskScore) | undefined {
  const recorded = recordedStep(run, model, task);
  if (recorded !== undefined) return (mode) => run.evaluations.score(recorded, mode);
  const cell = cellOf(run, model, task);
  if (!journal.isThere(cell)) return undefined;
  const file = join(run.folder, cell.file);
  const [samples, predictions] = [run.evaluations.samples(task), readPredictions(file)];
  requireKnownIds(file, samples, predictions);
  return (mode) => run.catalogue.tasks.get(task).score(mode, samples, predictions);
}

/** Stages as they are answer in their method's way, models between them as one LoRA. */
async function answer(asking: FollowUp<RunEngine>, mixed: MixedStages, cell: Cell): Promise<void> {
  const { run } = asking;
  const { model, task, file } = cell;
  const stage = onlyStage(model);
  if (stage === undefined) return mixed.answer(cell);
  const trained = trainedSteps(run, model.method)[stage - 1];
  await answerByStage(asking, { trained, task, samples: run.evaluations.questions(task), file });
}

/** Answers by models between stages. The model is opened with the first of them. */
class MixedStages {
  readonly #asking: FollowUp<RunEngine>;
  #answers: AdapterAnswers | undefined;

  constructor(asking: FollowUp<RunEngine>) {
    this.#asking = asking;
  }

  async answer({ model, task, file }: Cell): Promise<void> {
    const { run, signal } = this.#asking;
    const { config, catalogue, evaluations, folder } = run;
    this.#answers ??= await AdapterAnswers.open(
      config,
      locateModel(config.model, catalogue.families),
      catalogue.families,
    );
    const predictionFile = join(folder, file);
    makeFolder(dirname(predictionFile));
    const adapted = this.#blended(model, this.#answers);
    const samples = evaluations.questions(task);
    await this.#answers.answer({
      adapted,
      task: catalogue.tasks.get(task),
      samples,
      predictionFile,
      signal,
    });
  }

  async close(): Promise<void> {
    await this.#answers?.close();
  }

  #blended({ method, parts }: WhatIfModel, { alongside, shape }: AdapterAnswers) {
    const { run } = this.#asking;
    const { config, catalogue, folder } = run;
    const opened = catalogue.methods.get(method);
    const open = openMethod(config, opened);
    const steps = trainedSteps(run, method);
    const stages = parts.map(({ stage, weight }) => {
      if (stage === 0) return { weight, projector: alongside };
      const state = readStage(join(folder, present(steps[stage - 1], `stage ${stage}`).adapterFolder), {
        method: opened,
        open,
        model: shape,
      });
      const own = new Map(
        [...alongside.keys()].map((name) => [name, present(state.trained.get(name), name)]),
      );
      return { weight, projector: own, lora: present(stageLora(open, state), 'a stage as one LoRA') };
    });
    const blended = blend(stages);
    return {
      spec: blended.adapter.spec,
      values: new Map([...blended.adapter.values, ...blended.projector]),
    };
  }
}

const questionSchema = z.object({
  method: z.string(),
  parts: z.array(z.object({ stage: z.int().min(0), weight: z.number().min(0).max(1) })).min(1),
});

/** Everything that was ever asked of the run, each once. */
function keepQuestions(folder: string, asked: readonly WhatIfModel[]): void {
  const all = [...readQuestions(folder), ...asked];
  const known = new Map(all.map((model) => [`${model.method}/${nameOf(model.parts)}`, model]));
  makeFolder(join(folder, 'what-if'));
  writeJsonAtomic(questionsOf(folder), [...known.values()]);
}

function readQuestions(folder: string): readonly WhatIfModel[] {
  const file = questionsOf(folder);
  return existsSync(file) ? readRows(file, questionSchema) : [];
}

const questionsOf = (folder: string) => join(folder, 'what-if', 'questions.json');
const journalOf = (folder: string) => join(folder, 'what-if', 'journal.jsonl');
