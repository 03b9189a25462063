// The thread of an engine: does what `remote-engine.ts` asks for, one request at a time.

import { parentPort, workerData } from 'node:worker_threads';
import { present } from '../base/errors.ts';
import { catalogueOf } from '../config/plugins.ts';
import { trainSamples } from '../config/samples.ts';
import type { FeatureCounts } from '../models/image-encoder.ts';
import type { EvaluateProgress, RunEngine, TrainProgress } from './contract.ts';
import { openEngine } from './engine.ts';
import { type FromThread, type ThreadData, type ToThread, toPlainError } from './engine-messages.ts';

const { config, modelFolder, source, threads } = workerData as ThreadData;
const catalogue = catalogueOf(config);
const port = present(parentPort, 'the port of an engine thread');
const say = (message: FromThread) => port.postMessage(message);

let features: FeatureCounts | undefined;
let opened: Promise<RunEngine> | undefined;
let controller = new AbortController();

port.on('message', (message: ToThread) => {
  if (message.kind === 'abort') controller.abort();
  else if (message.kind === 'close') void close();
  else {
    // At once, so that an abort that comes while the engine opens is one of this request.
    controller = new AbortController();
    void answer(message, controller.signal).then(say, (error: unknown) =>
      say({ kind: 'failed', error: toPlainError(error) }),
    );
  }
});

async function answer(
  { kind, request }: Exclude<ToThread, { kind: 'abort' | 'close' }>,
  signal: AbortSignal,
): Promise<FromThread> {
  opened ??= openEngine({
    config,
    catalogue,
    modelFolder,
    threads,
    onClose: (counts) => {
      features = counts;
    },
  });
  const engine = await opened;
  const common = {
    config,
    signal,
    onProgress: (progress: TrainProgress | EvaluateProgress) => say({ kind: 'progress', progress }),
  };
  const measured =
    kind === 'train'
      ? await engine.trainStage({
          ...request,
          ...common,
          samplesOf: (task) => trainSamples(config, source, catalogue.tasks.get(task)),
        })
      : await engine.evaluate({ ...request, ...common });
  return { kind: 'done', measured };
}

async function close(): Promise<void> {
  await (await opened?.catch(() => undefined))?.close();
  say({ kind: 'closed', features });
  port.close();
}
