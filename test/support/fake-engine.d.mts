// Types of `fake-engine.mjs`. Nothing else.
import type { RunEngine } from '../../src/engine/contract.ts';

export interface FakeEngineOptions {
  readonly machine?: string;
  readonly onBatch?: (batch: string) => void | Promise<void>;
}

export class FakeEngine implements RunEngine {
  constructor(options?: FakeEngineOptions);
  readonly closed: boolean;
  trainStage: RunEngine['trainStage'];
  evaluate: RunEngine['evaluate'];
  close(): Promise<void>;
}
