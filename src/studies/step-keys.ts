// What a step of a run depends on, as a hash: two steps with the same key, in two runs, make the same bytes. A stage
// depends on its method and the tasks up to it, never on later ones (`tasksUpTo`), so streams that begin alike share their
// beginnings. Which settings count is `config/key-effects.ts`.

import { dependsOn } from '../config/key-effects.ts';
import { methodSettingsOf } from '../config/open-method.ts';
import { planRun, type Step } from '../config/plan.ts';
import { catalogueOf } from '../config/plugins.ts';
import type { RunConfig } from '../config/schema.ts';
import { sha256 } from '../formats/files/files.ts';
import type { Provenance } from '../runs/provenance.ts';
import type { SkippedRow } from '../tasks/skipped.ts';

/** The key of every step of a run, by the step's own key in the journal; `skipped` is what the run passes over. */
export function stepKeys(
  config: RunConfig,
  provenance: Provenance,
  skipped: readonly SkippedRow[] = [],
): ReadonlyMap<string, string> {
  const { versions, weights, plugins } = provenance;
  const world = {
    // Another version may round differently.
    versions: [versions['coin-bench'], versions['onnxruntime-node']],
    weights: weights.sha256,
    // Where they lie plays no part, what they say does.
    plugins: plugins.map(({ sha256 }) => sha256),
  };
  const training = { ...world, config: dependsOn(config, 'training') };
  const { maxNewTokens, slots } = config.evaluation;
  const evaluation = {
    ...world,
    config: dependsOn(config, 'answers'),
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
            data: step.tasks.map((task) => dataOf(provenance, skipped, task)),
            previous: keyOf(keys, step.previous),
          }
        : {
            ...evaluation,
            task: step.task,
            data: dataOf(provenance, skipped, step.task),
            trained: keyOf(keys, step.trained),
          };
    keys.set(step.key, sha256(JSON.stringify(content)));
  }
  return keys;
}

function keyOf(keys: ReadonlyMap<string, string>, step: Step | undefined): string {
  return step === undefined ? '' : (keys.get(step.key) ?? '');
}

/** The instruction files of a task, the folder that their images are in, and the rows that are passed over, if any. */
function dataOf({ data }: Provenance, skipped: readonly SkippedRow[], task: string) {
  const own = data.files.filter(({ path }) => path.includes(`/${task}/`));
  const rows = skipped.filter((row) => row.task === task).map(({ part, row }) => [part, row]);
  const files = own.map(({ path, sha256 }) => [path, sha256]);
  return { folder: data.folder, files, skipped: rows.length === 0 ? undefined : rows };
}
