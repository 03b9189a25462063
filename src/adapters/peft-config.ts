// `adapter_config.json`: PEFT's settings for LoRA, ours for MoELoRA and those of CoIN's MoELoRA. Every setting that would
// change the arithmetic and that is not implemented is refused by name. Says nothing of tensors.
import { join } from 'node:path';
import { z } from 'zod';
import { type Issue, UserError } from '../base/errors.ts';
import { shown } from '../base/shown.ts';
import { readJsonObject } from '../formats/records/json.ts';
import type { AdapterKind, AdapterSpec, AdapterTargets } from './adapter.ts';
import { isTargeted, type ModuleRules, pythonPattern, type SizeRules } from './peft-modules.ts';

export const CONFIG_FILE = 'adapter_config.json';

export const peftTypes: { readonly [K in AdapterKind]: string } = { lora: 'LORA', moelora: 'MOELORA' };

/** Types of PEFT's `peft_type` that can be read. CoIN's own differs from ours in the names of its tensors alone. */
const kindOfType: Readonly<Record<string, AdapterKind>> = {
  LORA: 'lora',
  MOELORA: 'moelora',
  MOE_LORA_CoIN: 'moelora',
};

export interface PeftConfig {
  /** Without `layers`: which layers are adapted, the tensors say, within the rules. */
  readonly spec: AdapterSpec;
  readonly modules: ModuleRules;
  readonly sizes: SizeRules;
}

/**
 * Reads `adapter_config.json` of a folder; with the model's targets, modules are saved whole only where it trains them.
 * @throws UserError naming every setting that is not supported.
 */
export function readPeftConfig(
  folder: string,
  { savedModules }: Partial<Pick<AdapterTargets, 'savedModules'>> = {},
): PeftConfig {
  const file = join(folder, CONFIG_FILE);
  const config = readJsonObject(file, { hint: 'name a folder that holds an adapter as PEFT saves it' });
  const type = config.peft_type;
  const kind = typeof type === 'string' && Object.hasOwn(kindOfType, type) ? kindOfType[type] : undefined;
  if (kind === undefined) {
    const known = Object.values(peftTypes).join(', ');
    throw new UserError({
      file,
      field: 'peft_type',
      message: `${shown(type)} is not supported; known are ${known}`,
    });
  }
  const issues: Issue[] = [];
  for (const [field, value] of Object.entries(config)) {
    const forOther = kind !== 'moelora' && expertSettings.has(field);
    const setting = Object.hasOwn(settings, field) && !forOther ? settings[field] : undefined;
    const known = setting === undefined ? isOff(value) : setting.safeParse(value).success;
    if (known && (field !== 'modules_to_save' || areSaved(value, savedModules))) continue;
    const reason = Object.hasOwn(reasons, field) ? `: ${reasons[field]}` : '';
    issues.push({ file, field, message: `${shown(value)} is not supported${reason}` });
  }
  for (const field of ['r', 'lora_alpha', 'target_modules', ...(kind === 'moelora' ? ['expert_num'] : [])]) {
    if (!(field in config)) issues.push({ file, field, message: 'is missing' });
  }
  if (issues.length > 0) throw new UserError(issues);
  const read = parsed(config, kind);
  const { experts } = read.spec;
  const ranks = [['r', read.spec.rank] as const, ...Object.entries(read.sizes.rankPattern)];
  const undivided = ranks.find(([, rank]) => experts !== undefined && rank % experts !== 0);
  if (undivided !== undefined) {
    const [name, rank] = undivided;
    throw new UserError({
      file,
      field: 'expert_num',
      message: `${experts} does not divide ${name} = ${rank}`,
    });
  }
  return read;
}

/** Whether a model that trains these modules alongside trains all that are named; without it they may be any. */
function areSaved(named: unknown, savedModules: readonly string[] | undefined): boolean {
  if (!Array.isArray(named) || savedModules === undefined) return true;
  return named.every((name: string) => savedModules.includes(name.split('.').at(-1) ?? ''));
}

/** As `readPeftConfig`, what it says of the adapter alone. */
export function readAdapterSpec(folder: string): AdapterSpec {
  return readPeftConfig(folder).spec;
}

/** Whether PEFT puts an adapter on a module, by the path that the module has in the adapter's file. */
export function adapts(config: PeftConfig, path: string): boolean {
  return isTargeted(path, config.modules);
}

/** The content of `adapter_config.json`. With `projector` it is saved whole, beside the adapter's tensors. */
export function peftConfigOf(
  spec: AdapterSpec,
  {
    targets,
    baseModel,
    projector = false,
  }: {
    readonly targets: AdapterTargets;
    readonly baseModel?: string | undefined;
    readonly projector?: boolean;
  },
): Readonly<Record<string, unknown>> {
  const { layers } = spec;
  const differing = (key: 'rank' | 'alpha') =>
    Object.fromEntries(
      Object.entries(layers ?? {}).flatMap(([path, size]) =>
        size[key] === spec[key] ? [] : [[path, size[key]]],
      ),
    );
  return {
    alpha_pattern: differing('alpha'),
    base_model_name_or_path: baseModel ?? null,
    bias: 'none',
    expert_num: spec.experts,
    fan_in_fan_out: false,
    inference_mode: true,
    lora_alpha: spec.alpha,
    lora_dropout: spec.dropout,
    modules_to_save: projector ? targets.savedModules.slice(0, 1) : null,
    peft_type: peftTypes[spec.kind],
    r: spec.rank,
    rank_pattern: differing('rank'),
    target_modules: layers === undefined ? targets.targetModules : Object.keys(layers).sort(),
    task_type: null,
    use_dora: false,
    use_rslora: spec.rankStabilized === true,
  };
}

/** Neutral, as PEFT writes a setting that is not used. */
function isOff(value: unknown): boolean {
  return (
    value === null ||
    value === false ||
    (typeof value === 'object' && Object.keys(value as object).length === 0)
  );
}

const count = z.int().positive();
const anything = z.unknown();
const factor = z.number().positive();

/** Patterns that JavaScript cannot read as Python does are refused when the configuration is read. */
const pattern = z.string().refine((source) => {
  try {
    pythonPattern(source);
    return true;
  } catch {
    return false;
  }
});
const moduleNames = z.union([pattern, z.array(z.string())]);
const layerNumbers = z.union([z.int().nonnegative(), z.array(z.int().nonnegative())]);

/** Those that leave the base model's weights as they are; pissa, olora, corda, loftq and lora_ga do not. */
const initialisations = z.union([z.boolean(), z.null(), z.enum(['gaussian', 'eva', 'orthogonal', 'mica'])]);

/** What a setting may be. One that is not listed, of this or a later PEFT, must be off. */
const settings: Readonly<Record<string, z.ZodType>> = {
  peft_type: anything,
  r: count,
  lora_alpha: factor,
  lora_dropout: z.number().min(0).lt(1),
  expert_num: count,
  task_embedding_dim: anything, // Read and never used by CoIN.
  bias: z.literal('none'),
  init_lora_weights: initialisations,
  use_rslora: z.boolean().nullable(),
  target_modules: moduleNames,
  exclude_modules: moduleNames.nullable(),
  layers_to_transform: layerNumbers.nullable(),
  layers_pattern: z.union([pattern, z.array(pattern)]).nullable(),
  rank_pattern: z.record(pattern, count).nullable(),
  alpha_pattern: z.record(pattern, factor).nullable(),
  modules_to_save: z.array(z.string().regex(/^[\w.]+$/)).nullable(),
  // Of no effect on a linear layer's result, or only beside a setting that must be off.
  auto_mapping: anything,
  base_model_name_or_path: anything,
  ensure_weight_tying: anything,
  inference_mode: anything,
  megatron_core: anything,
  peft_version: anything,
  qalora_group_size: anything,
  revision: anything,
  runtime_config: anything,
  task_type: anything,
};

const expertSettings: ReadonlySet<string> = new Set(['expert_num', 'task_embedding_dim']);

const reasons: Readonly<Record<string, string>> = {
  use_dora: 'DoRA rescales the whole weight, not its update alone',
  bias: 'biases train along in PEFT, here they are frozen',
  init_lora_weights: 'this initialisation changes the base weights too',
  modules_to_save: 'only what the model trains alongside, its projector, can be saved whole',
  lora_bias: 'the update has no bias here',
  trainable_token_indices: 'embeddings are frozen here',
  layer_replication: 'layers are not repeated here',
};

function parsed(config: Readonly<Record<string, unknown>>, kind: AdapterKind): PeftConfig {
  const rank = config.r as number;
  const alpha = config.lora_alpha as number;
  const list = <T>(value: T | readonly T[] | null | undefined): readonly T[] =>
    value === null || value === undefined ? [] : Array.isArray(value) ? value : [value as T];
  return {
    spec: {
      kind,
      rank,
      alpha,
      dropout: (config.lora_dropout as number | undefined) ?? 0,
      ...(kind === 'moelora' ? { experts: config.expert_num as number } : {}),
      ...(config.use_rslora === true ? { rankStabilized: true } : {}),
    },
    modules: {
      targetModules: config.target_modules as ModuleRules['targetModules'],
      excludeModules: (config.exclude_modules as ModuleRules['targetModules'] | null) ?? [],
      modulesToSave: list(config.modules_to_save as readonly string[] | null),
      layersToTransform: list(config.layers_to_transform as number | readonly number[] | null),
      layersPattern: list(config.layers_pattern as string | readonly string[] | null),
    },
    sizes: {
      rank,
      alpha,
      rankPattern: (config.rank_pattern as Readonly<Record<string, number>> | null) ?? {},
      alphaPattern: (config.alpha_pattern as Readonly<Record<string, number>> | null) ?? {},
    },
  };
}
