// The programs of a run as graphs, by name, for looking at: as text, or as ONNX in a viewer such as Netron.

import { openMethod } from '../config/open-method.ts';
import type { RunConfig } from '../config/schema.ts';
import { extendGraph, projectGraph } from '../evaluation/generation/graphs.ts';
import type { Method } from '../methods/define.ts';
import { lora } from '../methods/lora/method.ts';
import type { ModelSketch } from '../models/family.ts';
import { Scope } from '../nn/scope.ts';
import type { Tensor } from '../tensor/graph.ts';
import { gradientGraph } from '../training/learner.ts';
import { traceTraining } from '../training/traced.ts';

type Outputs = Readonly<Record<string, Tensor>>;
type Build = (model: ModelSketch, config: RunConfig, method: Method | undefined) => Outputs;

export const programs = {
  /** Images to features. */
  vision: ({ images }) => images.trace(),
  /** Loss and gradients of what trains. */
  train: (model, run, method = lora) => {
    const open = openMethod(run, method);
    const { loss, trained } = traceTraining({ model, open });
    return gradientGraph(
      loss,
      [...trained].map(([name, tensor]) => ({ name, tensor })),
    );
  },
  /** Rows of images' features to the decoder's space. */
  project: (model, config, method) => projectGraph(scopeOf(model, config, method), model),
  /** Tokens after what a cache holds, prompt or answer, to the next token and their caches. */
  generate: (model, config, method) => extendGraph(scopeOf(model, config, method), model),
} as const satisfies Readonly<Record<string, Build>>;

export type ProgramName = keyof typeof programs;

export const programNames = Object.keys(programs) as readonly ProgramName[];

export function buildProgram(
  name: ProgramName,
  model: ModelSketch,
  config: RunConfig,
  method?: Method,
): Outputs {
  return (programs[name] as Build)(model, config, method);
}

function scopeOf({ weights, shape }: ModelSketch, run: RunConfig, method: Method | undefined): Scope {
  const provider = weights.provider(shape.alongside);
  if (method === undefined) return new Scope(provider);
  const open = openMethod(run, method);
  return new Scope(provider, '', open.graph({ use: 'inference', model: shape }));
}
