// The programs of a run as graphs, by name, for looking at: as text, or as ONNX in a viewer such as Netron.
import { createAdapter } from '../adapters/index.ts';
import { decodeGraph, prefillGraph } from '../evaluation/generator.ts';
import { methods } from '../methods/index.ts';
import type { LlavaModel } from '../models/llava/model.ts';
import { imageFeatures } from '../models/llava/network.ts';
import { Scope } from '../nn/scope.ts';
import type { Tensor } from '../tensor/graph.ts';
import { input } from '../tensor/ops.ts';
import { gradientGraph } from '../training/learner.ts';
import { projectorNames, traceTraining } from '../training/stage.ts';
import type { MethodName, RunConfig } from './config-schema.ts';

type Outputs = Readonly<Record<string, Tensor>>;
type Build = (model: LlavaModel, config: RunConfig, method: MethodName | undefined) => Outputs;

export const programs = {
  /** Pixels to patch features. */
  vision: ({ config, weights }) => {
    const { imageSize } = config.vision;
    const pixels = input('pixels', 'float32', ['images', 3, imageSize, imageSize]);
    return { features: imageFeatures(new Scope(weights.provider()), config, pixels) };
  },
  /** Loss and gradients of the adapter and the projector. */
  train: ({ config, weights }, { adapter: settings }, method = 'lora') => {
    const { loss, adapter, projector } = traceTraining(config, weights, methods[method].adapter(settings));
    const trained = [...projector].map(([name, tensor]) => ({ name, tensor }));
    return gradientGraph(loss, [...adapter.parameters.values(), ...trained]);
  },
  /** A prompt to its first answer token and its cache. */
  prefill: (model, config, method) => prefillGraph(scopeOf(model, config, method), model.config),
  /** One answer token more. */
  decode: (model, config, method) => decodeGraph(scopeOf(model, config, method), model.config),
} as const satisfies Readonly<Record<string, Build>>;

export type ProgramName = keyof typeof programs;

export const programNames = Object.keys(programs) as readonly ProgramName[];

export function buildProgram(
  name: ProgramName,
  model: LlavaModel,
  config: RunConfig,
  method?: MethodName,
): Outputs {
  return (programs[name] as Build)(model, config, method);
}

function scopeOf({ weights }: LlavaModel, { adapter }: RunConfig, method: MethodName | undefined): Scope {
  const provider = weights.provider(new Set(projectorNames));
  return new Scope(
    provider,
    '',
    method === undefined ? undefined : createAdapter(methods[method].adapter(adapter)),
  );
}
