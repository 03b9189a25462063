// The rows of a study's table: an arm is one method under one combination of the varied settings, over all seeds. Which
// arms are finished, and which two differ in one thing only. Computes no scores.

import type { MethodName } from '../config/schema.ts';
import type { Study, StudyRun } from './load-study.ts';

export interface Arm {
  /** What it differs in from other arms, e.g. `rank 8, LoRA`. */
  readonly name: string;
  /** By axis; the method's label stands under `method`. */
  readonly coordinates: Readonly<Record<string, string>>;
  readonly method: MethodName;
  /** One for each seed. */
  readonly runs: readonly StudyRun[];
}

export interface VariedAxis {
  readonly label: string;
  readonly values: readonly string[];
}

/** Two arms that differ in one axis: the second has the axis's first value. */
export interface ArmPair {
  readonly axis: string;
  readonly arm: number;
  readonly reference: number;
}

export const methodAxis = 'method';

/** The axes with more than one value, the methods last. */
export function variedAxes({
  axes,
  methods,
  catalogue,
}: Pick<Study, 'axes' | 'methods' | 'catalogue'>): readonly VariedAxis[] {
  const labels = methods.map((method) => catalogue.methods.get(method).label);
  return [...axes, { label: methodAxis, values: labels }].filter(({ values }) => values.length > 1);
}

export function armsOf(study: Pick<Study, 'axes' | 'methods' | 'catalogue' | 'runs'>): readonly Arm[] {
  const varied = variedAxes(study);
  const groups = new Map<string, StudyRun[]>();
  for (const run of study.runs) {
    const key = JSON.stringify(run.coordinates);
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  return [...groups.values()].flatMap((runs) =>
    study.methods.map((method): Arm => {
      const { label } = study.catalogue.methods.get(method);
      const coordinates: Arm['coordinates'] = { ...runs[0]?.coordinates, [methodAxis]: label };
      const parts = varied.map((axis) => {
        const value = coordinates[axis.label] ?? '';
        return axis.label === methodAxis ? value : `${axis.label} ${value}`;
      });
      return { name: parts.join(', ') || label, coordinates, method, runs };
    }),
  );
}

export function pairsOf(
  study: Pick<Study, 'axes' | 'methods' | 'catalogue'>,
  arms: readonly Arm[],
): readonly ArmPair[] {
  const numbers = new Map(arms.map(({ coordinates }, index) => [keyOf(coordinates), index]));
  return variedAxes(study).flatMap(({ label, values }) =>
    arms.flatMap(({ coordinates }, arm): readonly ArmPair[] => {
      const first = values[0] ?? '';
      if (coordinates[label] === first) return [];
      const reference = numbers.get(keyOf({ ...coordinates, [label]: first }));
      return reference === undefined ? [] : [{ axis: label, arm, reference }];
    }),
  );
}

function keyOf(coordinates: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(coordinates).sort());
}
