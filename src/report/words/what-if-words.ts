// How a model between stages is written in tables.
import type { WhatIfRow } from '../../followups/what-if.ts';

/** "base model", "stage 3", "¼ stage 3 + ¾ stage 8": weights with as many digits as they need, four at most. */
export function modelInWords({ parts, isTrained }: Pick<WhatIfRow, 'parts' | 'isTrained'>): string {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined)
    return `${stageName(first.stage)}${isTrained ? ', as trained' : ''}`;
  const weights = new Set(parts.map(({ weight }) => weight));
  if (weights.size === 1 && parts.length > 2) {
    return `mean of stages ${parts.map(({ stage }) => (stage === 0 ? 'base' : stage)).join(', ')}`;
  }
  return parts.map(({ stage, weight }) => `${Number(weight.toFixed(4))} ${stageName(stage)}`).join(' + ');
}

function stageName(stage: number): string {
  return stage === 0 ? 'base model' : `stage ${stage}`;
}
