// How a `config.json` of transformers is read: every key is known, or known to change nothing here, or refused by name.
// The keys of a family are in its own config.ts; here are those that transformers writes into all of them.
import { z } from 'zod';
import { type Issue, UserError } from '../../base/errors.ts';

/** Keys that say where a model came from or how another program runs it. */
const IGNORED: ReadonlySet<string> = new Set([
  '_attn_implementation',
  '_attn_implementation_autoset',
  '_commit_hash',
  '_name_or_path',
  'architectures',
  'attn_implementation',
  'bos_token_id',
  'chunk_size_feed_forward',
  'decoder_start_token_id',
  'diversity_penalty',
  'do_sample',
  'dtype',
  'early_stopping',
  'finetuning_task',
  'id2label',
  'ignore_index',
  'image_seq_length',
  'initializer_factor',
  'initializer_range',
  'label2id',
  'length_penalty',
  'max_length',
  'num_beam_groups',
  'num_return_sequences',
  'output_attentions',
  'output_hidden_states',
  'output_scores',
  'prefix',
  'problem_type',
  'projection_dim',
  'return_dict',
  'return_dict_in_generate',
  'sep_token_id',
  'task_specific_params',
  'temperature',
  'tf_legacy_loss',
  'tokenizer_class',
  'top_k',
  'top_p',
  'torch_dtype',
  'torchscript',
  'transformers_version',
  'typical_p',
  'use_bfloat16',
  'use_cache',
]);

/** Keys that would change the arithmetic or the answers, with the values at which they do not. `null` always may stand. */
const INERT: Readonly<Record<string, readonly unknown[]>> = {
  add_cross_attention: [false],
  attention_dropout: [0],
  bad_words_ids: [],
  begin_suppress_tokens: [],
  cross_attention_hidden_size: [],
  encoder_no_repeat_ngram_size: [0],
  exponential_decay_length_penalty: [],
  forced_bos_token_id: [],
  forced_eos_token_id: [],
  is_decoder: [false],
  is_encoder_decoder: [false],
  min_length: [0],
  no_repeat_ngram_size: [0],
  num_beams: [1],
  pretraining_tp: [1],
  pruned_heads: [],
  quantization_config: [],
  remove_invalid_values: [false],
  repetition_penalty: [1],
  suppress_tokens: [],
  tie_encoder_decoder: [false],
};

/**
 * The schema of one object of a configuration. Keys of `shape` are read, those that change nothing are passed over
 * (`ignored` names more of them, `inert` more with the values at which they change nothing), all others are refused.
 */
export function configObject<Shape extends z.core.$ZodLooseShape>(
  shape: Shape,
  {
    ignored = [],
    inert = {},
  }: {
    readonly ignored?: readonly string[];
    readonly inert?: Readonly<Record<string, readonly unknown[]>>;
  } = {},
) {
  const passed = new Set([...IGNORED, ...ignored]);
  const harmless = { ...INERT, ...inert };
  const isHarmless = ([key, value]: readonly [string, unknown]): boolean => {
    if (Object.hasOwn(shape, key)) return false;
    if (passed.has(key)) return true;
    return Object.hasOwn(harmless, key) && (isEmpty(value) || harmless[key]?.includes(value) === true);
  };
  return z.preprocess(
    (value) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).filter((entry) => !isHarmless(entry)))
        : value,
    z.strictObject(shape),
  );
}

/** The schema that a configuration's `model_type` asks for, of those by name; `byDefault` where nothing is said. */
export function byModelType<Schemas extends Readonly<Record<string, z.ZodType>>>(
  schemas: Schemas,
  { what, byDefault }: { readonly what: string; readonly byDefault: keyof Schemas & string },
) {
  return z
    .looseObject({ model_type: z.string().default(byDefault) })
    .transform((json, context): z.output<Schemas[keyof Schemas]> => {
      const type = json.model_type;
      const schema = Object.hasOwn(schemas, type) ? schemas[type] : undefined;
      if (schema === undefined) {
        const message = `${what} of type ${type} is not known; known are ${Object.keys(schemas).join(', ')}`;
        context.addIssue({ code: 'custom', path: ['model_type'], message });
        return z.NEVER;
      }
      const parsed = schema.safeParse(json);
      for (const issue of parsed.error?.issues ?? []) context.addIssue({ ...issue } as z.core.$ZodRawIssue);
      return parsed.success ? (parsed.data as z.output<Schemas[keyof Schemas]>) : z.NEVER;
    });
}

/** Null, and the empty lists and objects that stand for nothing to do. */
function isEmpty(value: unknown): boolean {
  return value === null || (typeof value === 'object' && Object.keys(value ?? {}).length === 0);
}

/** The configuration as its schema has it. Throws UserError with one issue per key that is wrong, missing or not known. */
export function checkConfig<Schema extends z.ZodType>(
  schema: Schema,
  json: unknown,
  file: string,
): z.output<Schema> {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new UserError(parsed.error.issues.flatMap((issue) => issuesOf(issue, file)));
}

function issuesOf(issue: z.core.$ZodIssue, file: string): Issue[] {
  const field = issue.path.join('.');
  if (issue.code !== 'unrecognized_keys') return [{ file, field, message: issue.message }];
  return issue.keys.map((key) => ({
    file,
    field: [...issue.path, key].join('.'),
    message: 'is not known here: its effect would be lost',
  }));
}

/** Throws UserError unless `divisor` divides `whole`; both with their names in the file. */
export function requireDivides(
  file: string,
  [field, divisor]: readonly [field: string, value: number],
  [wholeName, whole]: readonly [name: string, value: number],
): void {
  if (whole % divisor === 0) return;
  throw new UserError({ file, field, message: `${divisor} does not divide ${wholeName} ${whole}` });
}
