// A model folder's tokenizer: `tokenizer.json`, or SentencePiece's `tokenizer.model`, beside `tokenizer_config.json`.
// `encode` never gives a control token: text out of data sets cannot begin, end or insert anything but text.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers';
import { DataError, UserError } from '../../base/errors.ts';
import { shown } from '../../base/shown.ts';
import { isObject, readJsonObject } from '../records/json.ts';
import { readSentencePiece } from './sentencepiece.ts';
import { byteOfToken, joinsBytes, tokenDecoder } from './token-decoder.ts';

export interface Tokenizer {
  /**
   * Ids of a text, without begin or end tokens. The spelling of a control token (`<s>`, `<image>`) is text as any other.
   * `first: false` says that the text stands after other sections: some tokenizers mark only the first one's begin.
   */
  encode(text: string, options?: { readonly first?: boolean }): number[];
  /**
   * Text of ids, as transformers gives it: with `skipSpecial` (default) the tokens that it calls special are left out; ids
   * that are no token, such as the rows of a padded vocabulary, always are.
   */
  decode(ids: Iterable<number>, options?: { readonly skipSpecial?: boolean }): string;
  /** Whether the text is final up to a token: not after a byte of a character, nor after what is not shown. */
  settles(id: number): boolean;
  /** Id of a token by its exact content. */
  tokenId(token: string): number | undefined;
  /** Contents of the tokens that stand for themselves and never for text: begin, end, placeholders, roles. */
  readonly controlTokens: readonly string[];
  /** Whether a text that is encoded as a whole begins with the begin token. */
  readonly addsBegin: boolean;
  /** One more than the highest id. */
  readonly vocabularySize: number;
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  readonly padId: number | undefined;
}

type Json = Readonly<Record<string, unknown>>;

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
}

const NAMED_TOKENS = ['bos_token', 'eos_token', 'pad_token', 'unk_token'] as const;

/**
 * Opens the tokenizer of a model folder.
 *
 * @throws UserError when a file is absent, DataError naming file and field when one is damaged or not supported.
 */
export function loadTokenizer(folder: string): Tokenizer {
  const file = join(folder, 'tokenizer.json');
  const configFile = join(folder, 'tokenizer_config.json');
  if (existsSync(file))
    return createTokenizer(readJsonObject(file), readJsonObject(configFile), { file, configFile });
  const model = join(folder, 'tokenizer.model');
  if (existsSync(model)) return loadSentencePiece(folder, model, configFile);
  const others = ['vocab.json', 'merges.txt', 'tiktoken.model'].filter((name) =>
    existsSync(join(folder, name)),
  );
  throw new UserError({
    file: folder,
    message: `expected tokenizer.json or tokenizer.model, found ${others.length > 0 ? others.join(' and ') : 'neither'}`,
    hint: 'save the tokenizer as tokenizer.json: AutoTokenizer.from_pretrained(folder).save_pretrained(folder) in transformers',
  });
}

/** A folder that has SentencePiece's model alone, such as Vicuna's. */
function loadSentencePiece(folder: string, file: string, configFile: string): Tokenizer {
  const config = existsSync(configFile) ? readJsonObject(configFile) : {};
  // LLaMA's tokenizer takes a file without the setting for one from before it.
  const read = readSentencePiece(file, { legacy: config.legacy !== false });
  const tokenizer = {
    ...read.tokenizer,
    added_tokens: [...rawAddedTokens(read.tokenizer), ...laterTokens(folder, config)],
  };
  return createTokenizer(tokenizer, { ...read.config, ...config }, { file, configFile });
}

/** Tokens that were added to SentencePiece's own, out of the files that transformers writes them to. */
function laterTokens(folder: string, config: Json): readonly Json[] {
  const file = join(folder, 'added_tokens.json');
  const listed = existsSync(file) ? readJsonObject(file) : {};
  const decoder = isObject(config.added_tokens_decoder) ? config.added_tokens_decoder : {};
  const tokens = new Map<unknown, Json>();
  for (const [content, id] of Object.entries(listed)) tokens.set(id, { id, content, special: false });
  for (const [id, token] of Object.entries(decoder)) {
    if (isObject(token)) tokens.set(Number(id), { ...token, id: Number(id) });
  }
  return [...tokens.values()];
}

/** As `loadTokenizer`, of the two files' contents. */
export function createTokenizer(
  tokenizer: Json,
  config: Json,
  {
    file = 'tokenizer.json',
    configFile = 'tokenizer_config.json',
  }: { readonly file?: string; readonly configFile?: string } = {},
): Tokenizer {
  const vocabulary = readVocabulary(tokenizer, file);
  const addedTokens = readAddedTokens(tokenizer, file);
  const ids = new Map([...vocabulary, ...addedTokens.map(({ content, id }) => [content, id] as const)]);
  const contents = new Map<number, string>();
  for (const [content, id] of ids) {
    const other = contents.get(id);
    if (other !== undefined) {
      throw new DataError({
        file,
        message: `id ${id} stands for both ${shown(other)} and ${shown(content)}`,
      });
    }
    contents.set(id, content);
  }
  const named = NAMED_TOKENS.map((key) => readNamedToken(config, key, ids, configFile));
  const names = new Set(named.filter((content) => content !== undefined));
  const isControl = ({ content, special }: AddedToken) =>
    special || names.has(content) || /^<.*>$/.test(content);
  const skipped = new Set([
    ...addedTokens.filter(({ special }) => special).map(({ content }) => content),
    ...names,
    ...furtherSpecialTokens(config),
  ]);
  const decodeTokens = tokenDecoder(tokenizer.decoder, { file });
  const hasBytes = joinsBytes(tokenizer.decoder);

  const open = (content: Json) => {
    try {
      return new LibraryTokenizer(content, config);
    } catch (error) {
      throw new DataError({ file, message: `the tokenizer cannot be set up: ${(error as Error).message}` });
    }
  };
  // The library splits text at every added token it knows; encoding therefore knows none of the control tokens.
  const plain = {
    ...tokenizer,
    added_tokens: rawAddedTokens(tokenizer).filter((_, i) => !isControl(addedTokens[i] as AddedToken)),
  };
  const firstSection = open(plain);
  const laterSection = marksOnlyFirst(tokenizer)
    ? open({ ...plain, pre_tokenizer: { ...(tokenizer.pre_tokenizer as Json), prepend_scheme: 'never' } })
    : firstSection;
  const idOf = (key: (typeof NAMED_TOKENS)[number]) => {
    const content = named[NAMED_TOKENS.indexOf(key)];
    return content === undefined ? undefined : ids.get(content);
  };
  return {
    encode(text, { first = true } = {}) {
      if (text === '') return [];
      return (first ? firstSection : laterSection).encode(text, { add_special_tokens: false }).ids;
    },
    decode(tokens, { skipSpecial = true } = {}) {
      const named = [...tokens].map((id) => contents.get(id)).filter((token) => token !== undefined);
      return decodeTokens(skipSpecial ? named.filter((token) => !skipped.has(token)) : named);
    },
    settles(id) {
      const token = contents.get(id);
      if (token === undefined || skipped.has(token)) return false;
      return !hasBytes || byteOfToken(token) === undefined;
    },
    tokenId: (token) => ids.get(token),
    controlTokens: addedTokens.filter(isControl).map(({ content }) => content),
    addsBegin:
      typeof config.add_bos_token === 'boolean' ? config.add_bos_token : begins(tokenizer, idOf('bos_token')),
    vocabularySize: contents.size === 0 ? 0 : [...contents.keys()].reduce((a, b) => Math.max(a, b)) + 1,
    bosId: idOf('bos_token'),
    eosId: idOf('eos_token'),
    padId: idOf('pad_token'),
  };
}

function readVocabulary(tokenizer: Json, file: string): ReadonlyMap<string, number> {
  const { model } = tokenizer;
  if (!isObject(model) || (model.type !== undefined && model.type !== 'BPE')) {
    const found = isObject(model) ? shown(model.type) : shown(model);
    throw new DataError({ file, field: 'model.type', message: `expected "BPE", found ${found}` });
  }
  const { vocab, merges } = model;
  if (!isObject(vocab) || Object.keys(vocab).length === 0) {
    throw new DataError({ file, field: 'model.vocab', message: 'expected an object of token ids' });
  }
  for (const [token, id] of Object.entries(vocab)) {
    if (!isId(id)) {
      throw new DataError({
        file,
        field: `model.vocab[${shown(token)}]`,
        message: `expected an id, found ${shown(id)}`,
      });
    }
  }
  if (!Array.isArray(merges)) {
    throw new DataError({ file, field: 'model.merges', message: `expected a list, found ${shown(merges)}` });
  }
  for (const [i, merge] of merges.entries()) {
    const parts: unknown = typeof merge === 'string' ? merge.split(' ') : merge;
    if (!Array.isArray(parts) || parts.length !== 2 || !parts.every((part) => Object.hasOwn(vocab, part))) {
      throw new DataError({
        file,
        field: `model.merges[${i}]`,
        message: `expected two tokens of the vocabulary, found ${shown(merge)}`,
      });
    }
  }
  return new Map(Object.entries(vocab) as [string, number][]);
}

function rawAddedTokens(tokenizer: Json): readonly unknown[] {
  const added = tokenizer.added_tokens ?? [];
  return Array.isArray(added) ? added : [];
}

function readAddedTokens(tokenizer: Json, file: string): readonly AddedToken[] {
  if (!Array.isArray(tokenizer.added_tokens)) {
    throw new DataError({ file, field: 'added_tokens', message: 'expected a list' });
  }
  return tokenizer.added_tokens.map((token: unknown, i) => {
    if (!isObject(token) || typeof token.content !== 'string' || token.content === '' || !isId(token.id)) {
      throw new DataError({
        file,
        field: `added_tokens[${i}]`,
        message: `expected a token with content and id, found ${shown(token)}`,
      });
    }
    return { id: token.id, content: token.content, special: token.special === true };
  });
}

/** The content of `bos_token` and its like: a string, an object with `content`, or nothing. */
function readNamedToken(
  config: Json,
  key: string,
  ids: ReadonlyMap<string, number>,
  file: string,
): string | undefined {
  const value = config[key];
  if (value === undefined || value === null) return undefined;
  const content = isObject(value) ? value.content : value;
  if (typeof content === 'string' && ids.has(content)) return content;
  throw new DataError({
    file,
    field: key,
    message: `expected a token of the vocabulary, found ${shown(value)}`,
  });
}

/** Special tokens that stand for no role, in the spellings that transformers has had for them. */
function furtherSpecialTokens(config: Json): readonly string[] {
  const listed = ['additional_special_tokens', 'extra_special_tokens'].flatMap((key) =>
    Object.values(config[key] ?? {}),
  );
  const contentOf = (token: unknown) => (isObject(token) ? token.content : token);
  return listed.map(contentOf).filter((content) => typeof content === 'string');
}

/** Whether only a text's first section gets the mark of a word's begin (SentencePiece's `prepend_scheme: first`). */
function marksOnlyFirst(tokenizer: Json): boolean {
  const pre = tokenizer.pre_tokenizer;
  return isObject(pre) && pre.type === 'Metaspace' && pre.prepend_scheme === 'first';
}

/** Whether the post-processor writes the begin token before a text. */
function begins(tokenizer: Json, bosId: number | undefined): boolean {
  const text = JSON.stringify(tokenizer.post_processor ?? null);
  return bosId !== undefined && text.includes('"TemplateProcessing"') && text.includes(`"ids":[${bosId}]`);
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
