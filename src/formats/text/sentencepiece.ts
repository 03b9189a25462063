// SentencePiece's model files (`tokenizer.model`), byte-pair encodings as LLaMA's family ships them, turned into the content
// of a `tokenizer.json` that gives the same ids. Does not encode: that is tokenizer.ts.
// Source: sentencepiece_model.proto of google/sentencepiece (field numbers); the merges are derived from the pieces.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { BinaryReader } from '@bufbuild/protobuf/wire';
import { DataError } from '../../base/errors.ts';
import { shown } from '../../base/shown.ts';
import { llamaDecoder, llamaNormalizer, SPACE } from './llama-tokenizer.ts';

const pieceTypes = {
  1: 'normal',
  2: 'unknown',
  3: 'control',
  4: 'user defined',
  5: 'unused',
  6: 'byte',
} as const;
type PieceType = (typeof pieceTypes)[keyof typeof pieceTypes];

interface Piece {
  readonly text: string;
  readonly score: number;
  readonly type: PieceType;
}

const modelTypes: Readonly<Record<number, string>> = { 1: 'unigram', 2: 'BPE', 3: 'word', 4: 'character' };
const BPE = 2;

/** What of the model's settings changes ids; the defaults are the format's. */
interface Settings {
  readonly modelType: number;
  readonly byteFallback: boolean;
  readonly charactersMap: number;
  readonly dummyPrefix: boolean;
  readonly removeExtraSpaces: boolean;
  readonly escapeSpaces: boolean;
}

export interface SentencePieceTokenizer {
  /** As `tokenizer.json`. */
  readonly tokenizer: Readonly<Record<string, unknown>>;
  /** As `tokenizer_config.json` where there is none: the tokens that the model itself names. */
  readonly config: Readonly<Record<string, unknown>>;
}

/**
 * Reads a `tokenizer.model`. `legacy` (the setting of LLaMA's tokenizer): every section between control tokens begins with a
 * space of its own; otherwise only a text's first does.
 *
 * @throws DataError naming the file when it is damaged or is not a byte-pair encoding without normalisation.
 */
export function readSentencePiece(
  file: string,
  { legacy = true }: { readonly legacy?: boolean } = {},
): SentencePieceTokenizer {
  const { pieces, settings } = parseModel(readFileSync(file), file);
  checkSettings(settings, file);
  if (pieces.length === 0)
    throw new DataError({ file, message: 'not a SentencePiece model: it has no pieces' });
  const vocabulary = new Map<string, number>();
  for (const [id, { text, type }] of pieces.entries()) {
    if (type === 'unused') throw refused(file, `piece ${id}`, 'an unused piece');
    if (vocabulary.has(text)) {
      throw new DataError({
        file,
        message: `pieces ${vocabulary.get(text)} and ${id} are both ${shown(text)}`,
      });
    }
    vocabulary.set(text, id);
  }
  const ofType = (type: PieceType) => pieces.find((piece) => piece.type === type)?.text;
  const unknown = ofType('unknown');
  return {
    tokenizer: {
      version: '1.0',
      added_tokens: [...pieces.entries()].flatMap(([id, { text, type }]) =>
        type === 'unknown' || type === 'control' || type === 'user defined'
          ? [{ id, content: text, normalized: false, special: type !== 'user defined' }]
          : [],
      ),
      normalizer: legacy ? llamaNormalizer({ prefix: settings.dummyPrefix }) : null,
      pre_tokenizer: legacy
        ? null
        : {
            type: 'Metaspace',
            replacement: SPACE,
            prepend_scheme: settings.dummyPrefix ? 'first' : 'never',
            split: false,
          },
      post_processor: null,
      decoder: llamaDecoder({ prefix: settings.dummyPrefix }),
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: unknown ?? null,
        fuse_unk: true,
        byte_fallback: settings.byteFallback,
        vocab: Object.fromEntries(vocabulary),
        merges: mergesOf(pieces, vocabulary),
      },
    },
    config: Object.fromEntries(
      [
        ['unk_token', unknown],
        ['bos_token', '<s>'],
        ['eos_token', '</s>'],
      ].flatMap(([key, token]) => (token !== undefined && vocabulary.has(token) ? [[key, token]] : [])),
    ),
  };
}

/**
 * The pairs that a byte-pair encoding merges, first the one with the best piece. SentencePiece merges any two neighbours
 * that make up a piece, so every split of a piece into two pieces is a merge.
 */
function mergesOf(pieces: readonly Piece[], vocabulary: ReadonlyMap<string, number>): [string, string][] {
  const merges: { readonly pair: [string, string]; readonly score: number; readonly left: number }[] = [];
  for (const { text, score, type } of pieces) {
    if (type !== 'normal') continue;
    const characters = [...text];
    for (let left = 1; left < characters.length; left++) {
      const pair: [string, string] = [characters.slice(0, left).join(''), characters.slice(left).join('')];
      if (pair.every((part) => vocabulary.has(part))) merges.push({ pair, score, left });
    }
  }
  // Among the splits of one piece in the order of transformers' conversion: the longest beginning first.
  merges.sort((a, b) => b.score - a.score || b.left - a.left);
  return merges.map(({ pair }) => pair);
}

function checkSettings(settings: Settings, file: string): void {
  const { modelType } = settings;
  if (modelType !== BPE) {
    throw refused(file, 'trainer_spec.model_type', modelTypes[modelType] ?? `${modelType}`, 'expected BPE');
  }
  if (settings.charactersMap > 0) {
    throw refused(file, 'normalizer_spec.precompiled_charsmap', 'a map of characters');
  }
  if (settings.removeExtraSpaces) throw refused(file, 'normalizer_spec.remove_extra_whitespaces', 'true');
  if (!settings.escapeSpaces) throw refused(file, 'normalizer_spec.escape_whitespaces', 'false');
}

function refused(file: string, field: string, found: string, expected?: string): DataError {
  return new DataError({
    file,
    field,
    message: `${expected === undefined ? '' : `${expected}, `}found ${found}: not supported`,
    hint: 'save the tokenizer as tokenizer.json: AutoTokenizer.from_pretrained(folder).save_pretrained(folder) in transformers',
  });
}

const require = createRequire(import.meta.url);

type FieldReaders = Readonly<Record<number, (reader: BinaryReader) => void>>;

function parseModel(bytes: Uint8Array, file: string): { pieces: readonly Piece[]; settings: Settings } {
  const pieces: Piece[] = [];
  let settings: Settings = {
    modelType: 1,
    byteFallback: false,
    charactersMap: 0,
    dummyPrefix: true,
    removeExtraSpaces: true,
    escapeSpaces: true,
  };
  const set = (change: Partial<Settings>) => {
    settings = { ...settings, ...change };
  };
  try {
    readMessage(bytes, {
      1: (reader) => pieces.push(parsePiece(reader.bytes())),
      2: (reader) =>
        readMessage(reader.bytes(), {
          3: (field) => set({ modelType: field.int32() }),
          35: (field) => set({ byteFallback: field.bool() }),
        }),
      3: (reader) =>
        readMessage(reader.bytes(), {
          2: (field) => set({ charactersMap: field.bytes().length }),
          3: (field) => set({ dummyPrefix: field.bool() }),
          4: (field) => set({ removeExtraSpaces: field.bool() }),
          5: (field) => set({ escapeSpaces: field.bool() }),
        }),
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DataError({ file, message: `not a SentencePiece model, or damaged: ${reason}` });
  }
  return { pieces, settings };
}

function parsePiece(bytes: Uint8Array): Piece {
  let text = '';
  let score = 0;
  let type: PieceType = 'normal';
  readMessage(bytes, {
    1: (reader) => {
      text = reader.string();
    },
    2: (reader) => {
      score = reader.float();
    },
    3: (reader) => {
      const number = reader.int32();
      const known = Object.hasOwn(pieceTypes, number)
        ? pieceTypes[number as keyof typeof pieceTypes]
        : undefined;
      if (known === undefined) throw new Error(`unknown type ${number} of a piece`);
      type = known;
    },
  });
  return { text, score, type };
}

/** Reads the fields that have a reader, in the wire type that these fields have, and passes over the others. */
function readMessage(bytes: Uint8Array, fields: FieldReaders): void {
  // Loaded where it is needed: most models have no such file.
  const wire = require('@bufbuild/protobuf/wire') as typeof import('@bufbuild/protobuf/wire');
  const reader = new wire.BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const read = Object.hasOwn(fields, field) ? fields[field] : undefined;
    if (read === undefined || wireType === wire.WireType.StartGroup) reader.skip(wireType, field);
    else read(reader);
  }
}
