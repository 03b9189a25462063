// What a step of a run depends on, as a hash: two steps with the same key, in two runs, make the same bytes. A stage
// depends on its method and the tasks up to it, never on later ones (`tasksUpTo`), so streams that begin alike share their
// beginnings. What a step surely does not depend on is left out by name; a setting that is not known here counts.

import { methodSettingsOf } from '../config/open-method.ts';
import { planRun, type Step } from '../config/plan.ts';
import { catalogueOf } from '../config/plugins.ts';
import type { RunConfig } from '../config/schema.ts';
import { sha256 } from '../formats/files/files.ts';
import type { Provenance } from '../runs/provenance.ts';

/** Where results go, what a run has beside the step, and what is put into the key by itself. */
const besideTheStep = [
  'name',
  'output',
  'cache',
  'plugins',
  'methods',
  'tasks',
  'zeroShotGate',
  'adapter',
  'methodSettings',
  'evaluation',
] as const satisfies readonly (keyof RunConfig)[];
const besideTraining = [
  'testSamples',
  'testSeed',
  'imageTransform',
] as const satisfies readonly (keyof RunConfig)[];
/** An evaluation depends on these through what was trained with them. */
const besideEvaluation = [
  'seed',
  'training',
  'trainSamples',
  'dataVolume',
] as const satisfies readonly (keyof RunConfig)[];

/** The key of every step of a run, by the step's own key in the journal. */
export function stepKeys(config: RunConfig, provenance: Provenance): ReadonlyMap<string, string> {
  const { versions, weights } = provenance;
  const world = {
    // Another version may round differently.
    versions: [versions['coin-bench'], versions['onnxruntime-node']],
    weights: weights.sha256,
  };
  const training = { ...world, config: without(config, [...besideTheStep, ...besideTraining]) };
  const { maxNewTokens, slots } = config.evaluation;
  const evaluation = {
    ...world,
    config: without(config, [...besideTheStep, ...besideEvaluation]),
    maxNewTokens,
    slots,
  };
  const keys = new Map<string, string>();
  // Steps come after those that they go on from.
  const catalogue = catalogueOf(config);
  for (const step of planRun(config, catalogue)) {
    const content =
      step.kind === 'train'
        ? {
            ...training,
            // The method, its stage and its tasks are in the name.
            step: step.key,
            settings: methodSettingsOf(config, catalogue.methods.get(step.method)),
            data: step.tasks.map((task) => dataOf(provenance, task)),
            previous: keyOf(keys, step.previous),
          }
        : {
            ...evaluation,
            task: step.task,
            data: dataOf(provenance, step.task),
            trained: keyOf(keys, step.trained),
          };
    keys.set(step.key, sha256(JSON.stringify(content)));
  }
  return keys;
}

function keyOf(keys: ReadonlyMap<string, string>, step: Step | undefined): string {
  return step === undefined ? '' : (keys.get(step.key) ?? '');
}

/** The instruction files of a task, and the folder that their images are in. */
function dataOf({ data }: Provenance, task: string) {
  const own = data.files.filter(({ path }) => path.includes(`/${task}/`));
  return { folder: data.folder, files: own.map(({ path, sha256 }) => [path, sha256]) };
}

function without(config: RunConfig, keys: readonly string[]) {
  return Object.fromEntries(Object.entries(config).filter(([key]) => !keys.includes(key)));
}
