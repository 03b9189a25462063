// The schema of a study file: a base configuration, a grid of what is varied, and seeds. Reading and expanding one is
// `load-study.ts`.
import { z } from 'zod';

const seedNumber = z.int().min(0).max(0xffffffff);

/** A list of values of one key of the configuration; or names, each with the keys that it sets. */
const axis = z.union(
  [
    z.array(z.unknown()).min(1),
    z
      .record(z.string(), z.record(z.string(), z.unknown()))
      .refine((values) => Object.keys(values).length > 0),
  ],
  { error: 'expected a list of values, or names with the keys that each sets' },
);

export const studySchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][\w.-]*$/, 'expected letters, digits, dots, dashes or underscores')
    .optional()
    .describe("of the study; by default the file's name"),
  question: z.string().min(1).optional().describe('what the study asks, in a sentence for the report'),
  base: z.string().min(1).default('nano').describe('a built-in configuration or a file, as of `coin run`'),
  set: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('keys of the configuration that differ from the base, e.g. training.epochs: 2'),
  grid: z
    .record(z.string(), axis)
    .default({})
    .describe('what is varied: lists of values by key, e.g. adapter.rank: [8, 16]; every combination is run'),
  seeds: z
    .union([z.int().min(1).max(1000), z.array(seedNumber).min(1)], {
      error: 'expected a number of seeds (3 is 0, 1 and 2) or a list of seeds',
    })
    .optional()
    .describe('every combination is run with each: 3 is 0, 1 and 2; or a list'),
  output: z.string().min(1).optional().describe('folder of the study; by default runs/<name>'),
});

export type StudyInput = z.input<typeof studySchema>;
export type ParsedStudy = z.output<typeof studySchema>;
