// A learner: the two programs of a training step (gradients added up; AdamW applied) and the state that they change.
// It knows nothing of models or data: it is given a scalar loss and the inputs that are parameters.
import { type AdamWOptions, adamW, biasCorrection, clipByGlobalNorm } from '../nn/optimizer.ts';
import { elementCount, float32, type HostTensor } from '../tensor/dtype.ts';
import { mergeSiblingProducts } from '../tensor/fusions.ts';
import { type GradOptions, grad } from '../tensor/grad.ts';
import type { Tensor } from '../tensor/graph.ts';
import { add, input } from '../tensor/ops.ts';
import { DeviceTensor, floats, Program, type ProgramOptions, type Value } from '../tensor/program.ts';
import { rewriteGraph } from '../tensor/rewrite.ts';

/** A trainable tensor: a graph input of the loss, with its initial values and the group whose learning rate it takes. */
export interface Parameter {
  readonly name: string;
  readonly tensor: Tensor;
  readonly values: Float32Array;
  readonly group: string;
}

/** All that a step changes; with it a run continues as if it had never stopped. */
export interface LearnerState {
  readonly step: number;
  readonly parameters: Readonly<Record<string, HostTensor>>;
  readonly firstMoments: Readonly<Record<string, HostTensor>>;
  readonly secondMoments: Readonly<Record<string, HostTensor>>;
}

export interface LearnerOptions {
  /** One number; batches that are accumulated add up, so weights inside it must be over the whole step. */
  readonly loss: Tensor;
  readonly parameters: readonly Parameter[];
  readonly optimizer: AdamWOptions & { readonly clipNorm: number };
  /** Computes layers again for their gradients instead of keeping what they need: less memory, more time. */
  readonly recompute?: boolean;
  /** How the programs are compiled; a profile is made of the gradients only. */
  readonly program?: Omit<ProgramOptions, 'keepOnDevice'>;
}

type Values = Record<string, Value>;

export class Learner {
  readonly #options: LearnerOptions;
  readonly #gradients: Program;
  readonly #update: Program;
  #step = 0;
  #parameters: Values;
  #first: Values;
  #second: Values;
  #sums: Values;

  private constructor(options: LearnerOptions, gradients: Program, update: Program) {
    this.#options = options;
    this.#gradients = gradients;
    this.#update = update;
    this.#parameters = Object.fromEntries(
      options.parameters.map(({ name, tensor, values }) => [name, float32(values, tensor.shape as number[])]),
    );
    this.#first = this.#zeros();
    this.#second = this.#zeros();
    this.#sums = this.#zeros();
  }

  static async compile(options: LearnerOptions): Promise<Learner> {
    const { loss, parameters, recompute = false } = options;
    const { profile, ...program } = options.program ?? {};
    const gradients = gradientGraph(loss, parameters, { recompute });
    const update = updateGraph(parameters, options.optimizer);
    const onDevice = (graph: object, read: string) => Object.keys(graph).filter((name) => name !== read);
    return new Learner(
      options,
      await Program.compile(gradients, {
        ...program,
        keepOnDevice: onDevice(gradients, 'loss'),
        ...(profile === undefined ? {} : { profile }),
      }),
      await Program.compile(update, { ...program, keepOnDevice: onDevice(update, 'norm') }),
    );
  }

  /** Optimiser steps taken. */
  get step(): number {
    return this.#step;
  }

  /** The current parameters, to feed to other programs. */
  get parameters(): Readonly<Record<string, Value>> {
    return this.#parameters;
  }

  /** Adds one batch's gradients to the sum; returns the batch's loss. */
  async accumulate(feeds: Readonly<Record<string, Value>>): Promise<number> {
    const all: Values = { ...feeds, ...this.#parameters, ...prefixed('sum:', this.#sums) };
    const { loss, ...added } = await this.#gradients.run(all);
    this.#replaceSums(unprefixed('added:', added));
    return floats(loss)[0] as number;
  }

  /** Takes one AdamW step with the gradients added up so far; returns their global norm before clipping. */
  async apply(learningRates: Readonly<Record<string, number>>): Promise<number> {
    const { beta1, beta2 } = this.#options.optimizer;
    const time = this.#step + 1;
    const feeds: Values = {
      ...this.#parameters,
      ...prefixed('sum:', this.#sums),
      ...prefixed('m:', this.#first),
      ...prefixed('v:', this.#second),
      ...Object.fromEntries(
        Object.entries(learningRates).map(([group, rate]) => [`rate:${group}`, float32([rate], [])]),
      ),
      bias_correction_1: float32([1 - beta1 ** time], []),
      bias_correction_2_root: float32([Math.sqrt(1 - beta2 ** time)], []),
    };
    const { norm, ...next } = await this.#update.run(feeds);
    dispose(this.#parameters, this.#first, this.#second, this.#sums);
    this.#parameters = unprefixed('next p:', next);
    this.#first = unprefixed('next m:', next);
    this.#second = unprefixed('next v:', next);
    this.#sums = this.#zeros();
    this.#step = time;
    return floats(norm)[0] as number;
  }

  /** A copy of the state on the host. */
  async state(): Promise<LearnerState> {
    return {
      step: this.#step,
      parameters: await toHost(this.#parameters),
      firstMoments: await toHost(this.#first),
      secondMoments: await toHost(this.#second),
    };
  }

  /** Continues from a saved state; gradients added up so far are dropped. Throws when a tensor is missing or misshapen. */
  restore(state: LearnerState): void {
    const parts = [state.parameters, state.firstMoments, state.secondMoments];
    const [parameters, first, second] = parts.map((part) =>
      Object.fromEntries(
        this.#options.parameters.map(({ name, tensor }) => {
          const value = part[name];
          if (value === undefined || value.shape.join() !== tensor.shape.join()) {
            throw new Error(
              `learner: the saved state has no "${name}" of shape [${tensor.shape.join(', ')}]`,
            );
          }
          return [name, value];
        }),
      ),
    ) as [Values, Values, Values];
    this.#step = state.step;
    this.#parameters = parameters;
    this.#first = first;
    this.#second = second;
    this.#sums = this.#zeros();
  }

  async dispose(): Promise<void> {
    dispose(this.#parameters, this.#first, this.#second, this.#sums);
    await this.#gradients.dispose();
    await this.#update.dispose();
  }

  #replaceSums(sums: Values): void {
    dispose(this.#sums);
    this.#sums = sums;
  }

  #zeros(): Values {
    return Object.fromEntries(
      this.#options.parameters.map(({ name, tensor }) => {
        const shape = tensor.shape as number[];
        return [name, float32(new Float32Array(elementCount(shape)), shape)];
      }),
    );
  }
}

/** The program that adds a batch's gradients to sums: `loss`, and `added:<name>` from the inputs `sum:<name>`. */
export function gradientGraph(
  plainLoss: Tensor,
  parameters: readonly Pick<Parameter, 'name' | 'tensor'>[],
  options: GradOptions = {},
): Record<string, Tensor> {
  const { outputs } = rewriteGraph({ loss: plainLoss }, [mergeSiblingProducts({ loss: plainLoss })]);
  const loss = outputs.loss as Tensor;
  const gradients = grad(
    loss,
    parameters.map(({ tensor }) => tensor),
    options,
  );
  const added = parameters.map(
    ({ name }, i) => [`added:${name}`, add(sumInput(parameters[i]!), gradients[i]!)] as const,
  );
  return { loss, ...Object.fromEntries(added) };
}

/** The program of one AdamW step: `norm`, and the parameters and moments after it. */
export function updateGraph(
  parameters: readonly Pick<Parameter, 'name' | 'tensor' | 'group'>[],
  optimizer: LearnerOptions['optimizer'],
): Record<string, Tensor> {
  const sums = parameters.map(sumInput);
  const correction = biasCorrection();
  const groups = new Map(
    [...new Set(parameters.map(({ group }) => group))].map((group) => [
      group,
      input(`rate:${group}`, 'float32', []),
    ]),
  );
  const clipped = clipByGlobalNorm(sums, optimizer.clipNorm);
  const outputs: Record<string, Tensor> = { norm: clipped.norm };
  parameters.forEach(({ name, tensor, group }, i) => {
    const before = {
      parameter: tensor,
      m: input(`m:${name}`, 'float32', tensor.shape),
      v: input(`v:${name}`, 'float32', tensor.shape),
    };
    const after = adamW(
      before,
      clipped.gradients[i] as Tensor,
      groups.get(group) as Tensor,
      correction,
      optimizer,
    );
    outputs[`next p:${name}`] = after.parameter;
    outputs[`next m:${name}`] = after.m;
    outputs[`next v:${name}`] = after.v;
  });
  return outputs;
}

function sumInput({ name, tensor }: Pick<Parameter, 'name' | 'tensor'>): Tensor {
  return input(`sum:${name}`, 'float32', tensor.shape);
}

function prefixed(prefix: string, values: Values): Values {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]));
}

function unprefixed(prefix: string, values: Values): Values {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [],
    ),
  );
}

function dispose(...parts: readonly Values[]): void {
  for (const values of parts) {
    for (const value of Object.values(values)) if (value instanceof DeviceTensor) value.dispose();
  }
}

/** Brings values to the host. */
async function toHost(values: Values): Promise<Record<string, HostTensor>> {
  const result: Record<string, HostTensor> = {};
  for (const [name, value] of Object.entries(values))
    result[name] = value instanceof DeviceTensor ? await value.read() : value;
  return result;
}
