// Steps that other runs of a study have completed already are taken over instead of computed: their files are linked, and
// the journal gets a record that says where they came from. What is taken over is checked by its hashes first.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { planRun, type Step } from '../config/plan.ts';
import { catalogueOf } from '../config/plugins.ts';
import type { RunConfig } from '../config/schema.ts';
import { linkFile, listFiles, makeFolder, publishFolder, remove } from '../formats/files/files.ts';
import { Completion } from '../runs/completion.ts';
import { readJournal, recordsByKey } from '../runs/journal.ts';
import { readProvenance } from '../runs/provenance.ts';
import { readRunConfig, runFiles } from '../runs/run-folder.ts';
import { readSkipped } from '../runs/skipped-file.ts';
import { partialFiles } from '../tasks/predictions.ts';
import { stepKeys } from './step-keys.ts';

/** A step that was not computed again. */
export interface SharedStep {
  readonly step: Step;
  /** The run that computed it. */
  readonly from: string;
  /** That it took there. */
  readonly seconds: number;
}

interface Sibling {
  readonly folder: string;
  readonly name: string;
  readonly completion: Completion;
}

interface Candidate {
  readonly sibling: Sibling;
  readonly step: Step;
}

/** The names of the runs in a study's folder that have begun. */
export function runsIn(studyFolder: string): readonly string[] {
  if (!existsSync(studyFolder)) return [];
  return readdirSync(studyFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .filter((name) =>
      [runFiles.config, runFiles.provenance, runFiles.journal].every((file) =>
        existsSync(file(join(studyFolder, name))),
      ),
    )
    .sort();
}

/**
 * Takes over what the other runs of the study have of a run's steps; its folder is held by the caller, and its provenance
 * is recorded. In the order of the plan, so that an evaluation follows its training.
 */
export function takeOverSteps(studyFolder: string, name: string, config: RunConfig): readonly SharedStep[] {
  const folder = join(studyFolder, name);
  const known = candidatesIn(studyFolder, name);
  if (known.size === 0) return [];
  const keys = stepKeys(config, readProvenance(folder), readSkipped(folder));
  const own = new Completion(folder);
  return planRun(config, catalogueOf(config)).flatMap((step): readonly SharedStep[] => {
    if (own.isComplete(step)) return [];
    for (const { sibling, step: theirs } of known.get(keys.get(step.key) ?? '') ?? []) {
      const record = sibling.completion.completeRecord(theirs);
      if (record === undefined || record.from !== own.origin(step)) continue;
      linkOutput(sibling.folder, folder, step);
      const from = record.sharedFrom ?? sibling.name;
      own.takeOver(step, record, from);
      return [{ step, from, seconds: record.measured.seconds ?? 0 }];
    }
    return [];
  });
}

/** Recorded steps of the other runs by what they depend on. */
function candidatesIn(studyFolder: string, except: string): ReadonlyMap<string, readonly Candidate[]> {
  const candidates = new Map<string, Candidate[]>();
  for (const name of runsIn(studyFolder)) {
    if (name === except) continue;
    const folder = join(studyFolder, name);
    const config = readRunConfig(folder);
    const keys = stepKeys(config, readProvenance(folder), readSkipped(folder));
    const recorded = recordsByKey(readJournal(runFiles.journal(folder)));
    const sibling = { folder, name, completion: new Completion(folder) };
    for (const step of planRun(config, catalogueOf(config))) {
      const key = keys.get(step.key);
      if (key === undefined || !recorded.has(step.key)) continue;
      const same = candidates.get(key) ?? [];
      candidates.set(key, [...same, { sibling, step }]);
    }
  }
  return candidates;
}

/** The names below a run's folder are the same in both, since they say method, stage and task. */
function linkOutput(from: string, to: string, step: Step): void {
  if (step.kind === 'evaluate') {
    const file = join(to, step.predictionFile);
    const { earlierFile, partialFile } = partialFiles(file);
    remove(file, earlierFile, partialFile);
    linkFile(join(from, step.predictionFile), file);
    return;
  }
  const target = join(to, step.adapterFolder);
  const aside = `${target}.partial`;
  remove(target, aside, join(to, step.checkpointFolder));
  makeFolder(aside);
  for (const path of listFiles(join(from, step.adapterFolder))) {
    linkFile(join(from, step.adapterFolder, path), join(aside, path));
  }
  publishFolder(aside, target);
}
