// The models that a what-if asks: weighted sums of a method's stages, and the reasons why some cannot be had.
import { type Issue, UserError } from '../base/errors.ts';
import { openMethod } from '../config/open-method.ts';
import type { MethodName, RunConfig } from '../config/schema.ts';
import type { Method } from '../methods/define.ts';
import { hasStageLora } from '../methods/shared/blend.ts';

export interface StageWeight {
  /** Counted from 1; 0 is the base model. */
  readonly stage: number;
  /** 0 to 1; those of a model add up to 1. */
  readonly weight: number;
}

export interface WhatIfModel {
  readonly method: MethodName;
  /** By stage, each once, none of weight 0. */
  readonly parts: readonly StageWeight[];
}

/** (1 − α)·first + α·second for each α. */
export function interpolated(
  method: MethodName,
  [first, second]: readonly [number, number],
  alphas: readonly number[],
): readonly WhatIfModel[] {
  return alphas.map((alpha) =>
    modelOf(method, [
      { stage: first, weight: 1 - alpha },
      { stage: second, weight: alpha },
    ]),
  );
}

/** The mean of some stages. */
export function averaged(method: MethodName, stages: readonly number[]): WhatIfModel {
  const own = [...new Set(stages)];
  return modelOf(
    method,
    own.map((stage) => ({ stage, weight: 1 / own.length })),
  );
}

/** A stage as it is, asked about later tasks too. */
export function rolledBack(method: MethodName, stage: number): WhatIfModel {
  return modelOf(method, [{ stage, weight: 1 }]);
}

function modelOf(method: MethodName, parts: readonly StageWeight[]): WhatIfModel {
  return { method, parts: parts.filter(({ weight }) => weight > 0).sort((a, b) => a.stage - b.stage) };
}

/** The stage where the model is nothing but one, 0 for the base model. */
export function onlyStage({ parts }: Pick<WhatIfModel, 'parts'>): number | undefined {
  return parts.length === 1 ? parts[0]?.stage : undefined;
}

/** As a folder's name: `stage-3`, `base`, `0.25x3+0.75x8`; 0 is the base model. */
export function nameOf(parts: readonly StageWeight[]): string {
  const stage = onlyStage({ parts });
  if (stage !== undefined) return stage === 0 ? 'base' : `stage-${stage}`;
  return parts.map((part) => `${Number(part.weight.toFixed(4))}x${part.stage}`).join('+');
}

/** @throws UserError saying why a method's stages cannot be mixed. */
export function requireMixable(config: RunConfig, method: Method): void {
  const reason = whyNotMixable(config, method);
  if (reason !== undefined) throw new UserError(reason);
}

export function whyNotMixable(config: RunConfig, method: Method): Issue | undefined {
  const { label, stream } = method;
  if (!stream.trains) return { message: `${label} trains nothing, so there are no stages` };
  if (hasStageLora(openMethod(config, method))) return undefined;
  return {
    message: `stages of ${label} cannot be mixed: their updates depend on the question, so no one matrix per layer lies between two of them`,
    hint: '--rollback asks stages as they are, of every method',
  };
}

/** @throws UserError naming a stage that is not there. */
export function requireStages({ label }: Method, trained: number, stages: readonly number[]): void {
  const absent = stages.find((stage) => stage > trained);
  if (absent === undefined) return;
  const there = trained === 1 ? 'one trained stage' : `${trained} trained stages`;
  throw new UserError(`${label} has ${there}, asked for is stage ${absent}`);
}
