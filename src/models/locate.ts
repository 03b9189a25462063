// Where a named model lies, and which family reads it. The families that may are given: a run's are those of its catalogue.
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../base/errors.ts';
import { packageFolder } from '../base/package.ts';
import type { Family, ModelOutline, ModelSketch, OpenModel, OpenOptions } from './family.ts';
import { COMPOSITION_FILE, isModelFolder, modelType } from './folder.ts';

/**
 * The folder of a model: the embedded one of `nano`, else as it is named, by itself or by its composition.
 * @throws UserError when it does not exist or is of none of the families.
 */
export function locateModel(model: string, families: Iterable<Family>): string {
  const named = model === 'nano' ? join(packageFolder, 'assets', 'nano') : model;
  const folder = basename(named) === COMPOSITION_FILE ? dirname(named) : named;
  if (!isModelFolder(folder)) {
    throw new UserError({
      file: folder,
      message: existsSync(folder)
        ? `expected a model, found neither config.json nor ${COMPOSITION_FILE}`
        : 'no such folder',
      field: 'model',
      hint: `expected nano, or a folder: ${[...families].map(({ layouts }) => layouts).join('; ')}`,
    });
  }
  familyOf(folder, families);
  return folder;
}

/** The family that recognises a model's folder. @throws UserError when none of these does. */
export function familyOf(folder: string, families: Iterable<Family>): Family {
  const family = [...families].find((one) => one.recognises(folder));
  if (family !== undefined) return family;
  const type = modelType(folder);
  const known = [...families].map(({ label }) => label).join(', ');
  throw new UserError({
    file: join(folder, existsSync(join(folder, COMPOSITION_FILE)) ? COMPOSITION_FILE : 'config.json'),
    field: existsSync(join(folder, COMPOSITION_FILE)) ? 'family' : 'model_type',
    message:
      type === undefined
        ? `says no type, and its content is of none of the families known here: ${known}`
        : `a model of the type "${type}" cannot be trained here; known families are ${known}`,
    hint: '`coin score --model qwen` or `--model minigpt` scores answers that such a model has given elsewhere',
  });
}

/** As much of a model as can be traced and counted, with the family that recognises its folder. */
export function outlineModel(folder: string, families: Iterable<Family>): ModelOutline {
  return familyOf(folder, families).outline(folder);
}

/** Says what is missing of a model that can be planned and not run. @throws UserError as opening it does. */
export function requireWhole(folder: string, families: Iterable<Family>): void {
  const family = familyOf(folder, families);
  if (family.sketch?.(folder) !== undefined) family.open(folder);
}

/** A model to plan with: opened where it is whole, else as far as its configurations tell. */
export function sketchModel(folder: string, families: Iterable<Family>): ModelSketch {
  const family = familyOf(folder, families);
  return family.sketch?.(folder) ?? family.open(folder);
}

/** Opens a model's folder with the family that recognises it. Reads headers only. */
export function openModel(
  folder: string,
  { families, ...options }: OpenOptions & { readonly families: Iterable<Family> },
): OpenModel {
  return familyOf(folder, families).open(folder, options);
}
