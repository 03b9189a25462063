// The zero-shot gate: before anything is trained, the zero-shot scores must be near those of a published row, or else
// model, template or data are not the ones it is about. What was found is journaled, a waiver too.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import type { Catalogue } from '../config/catalogue.ts';
import { planRun } from '../config/plan.ts';
import { catalogueOf } from '../config/plugins.ts';
import { testSamples } from '../config/samples.ts';
import type { RunConfig } from '../config/schema.ts';
import { sha256OfFile } from '../formats/files/files.ts';
import { formatPercent } from '../metrics/summary.ts';
import { type ZeroShotBand, zeroShotBand } from '../metrics/zero-shot-band.ts';
import { publishedRow } from '../streams/coin/published.ts';
import { readPredictions } from '../tasks/predictions.ts';
import type { TaskSource } from '../tasks/task.ts';
import { appendRecord, readJournal } from './journal.ts';
import { runFiles } from './run-folder.ts';

export interface GateOptions {
  readonly config: RunConfig;
  /** By default what the package and the configuration's plug-ins bring. */
  readonly catalogue?: Catalogue;
  readonly folder: string;
  readonly source: TaskSource;
  /** Train whatever the scores are. */
  readonly waived: boolean;
}

interface GatedScore extends ZeroShotBand {
  readonly task: string;
  readonly score: number;
}

const gateKey = 'zero-shot/gate';

/**
 * Compares the run's zero-shot scores, under reference scoring, with its published row, once for the same answers.
 * @returns what to tell the user; undefined when the run has no gate or has passed it before.
 * @throws UserError naming each score outside its band, unless the gate is waived.
 */
export function checkZeroShotGate({
  config,
  catalogue = catalogueOf(config),
  folder,
  source,
  waived,
}: GateOptions): string | undefined {
  const name = config.zeroShotGate;
  if (name === 'none') return undefined;
  const row = publishedRow(name);
  const steps = planRun(config, catalogue).flatMap((step) =>
    step.kind === 'evaluate' && step.trained === undefined ? [step] : [],
  );
  const hash = createHash('sha256');
  const gated = steps.flatMap(({ task, predictionFile }): readonly GatedScore[] => {
    const published = row.zeroShotElsewhere[task]?.value ?? row.zeroShot[task] ?? undefined;
    if (published === undefined) return [];
    const known = catalogue.tasks.get(task);
    const file = join(folder, predictionFile);
    hash.update(`${task} ${sha256OfFile(file)}\n`);
    const { accuracy, denominator } = known.score(
      'reference',
      testSamples(config, source, known),
      readPredictions(file),
    );
    return [{ task, score: accuracy, ...zeroShotBand(published, Math.max(1, denominator)) }];
  });
  const from = hash.digest('hex');
  const before = readJournal(runFiles.journal(folder)).findLast(({ key }) => key === gateKey);
  if (before?.from === from && (before.measured.passed === 1 || before.measured.waived === 1))
    return undefined;

  const outside = gated.filter(({ score, low, high }) => score < low || score > high);
  appendRecord(runFiles.journal(folder), {
    kind: 'gate',
    key: gateKey,
    at: new Date().toISOString(),
    from,
    files: {},
    measured: {
      passed: outside.length === 0 ? 1 : 0,
      waived: outside.length > 0 && waived ? 1 : 0,
      ...Object.fromEntries(
        gated.flatMap(({ task, score, low, high }) => [
          [task, score],
          [`${task} from`, low],
          [`${task} to`, high],
        ]),
      ),
    },
  });
  if (outside.length === 0) return `Zero-shot scores of ${gated.length} tasks are near ${name}'s.`;
  const found = outside.map(describe).join('; ');
  if (waived) return `Zero-shot scores are not near ${name}'s, which was waived: ${found}`;
  throw new UserError({
    file: join(folder, 'zero-shot'),
    message: `zero-shot scores are not near those of ${name}: ${found}`,
    hint: 'the model, its prompt template or the data are not those of the published row: look at the answers in this folder; or train all the same with --waive-gate',
  });
}

function describe({ task, score, published, low, high }: GatedScore): string {
  const [found, wanted, from, to] = [score, published, low, high].map(formatPercent);
  return `${task} ${found} (published ${wanted}, expected ${from} to ${to})`;
}
