// The engine of a run: a model, its trainer and its generator behind the interface of `run-engine.ts`.
// Not here yet.
import type { RunConfig } from './config-schema.ts';
import type { RunEngine } from './run-engine.ts';

export interface EngineOptions {
  readonly config: RunConfig;
  /** In the llava-hf layout. */
  readonly modelFolder: string;
}

export async function openEngine({ modelFolder }: EngineOptions): Promise<RunEngine> {
  throw new Error(`internal: no engine for ${modelFolder} yet`);
}
