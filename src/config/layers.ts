// The layers a configuration is made of: what is written in a file or a built-in configuration, on top of what its
// `base` says, and so on down. Which layer says what, so that an error points there. Checks no values (`load.ts`).
import { existsSync } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';
import { type Issue, UserError } from '../base/errors.ts';
import { didYouMean } from '../base/nearest.ts';
import { describe, isObject } from '../formats/records/json.ts';
import { readYaml, type Source } from '../formats/records/yaml-source.ts';
import { presets } from './presets.ts';

/** What the base's own name and folder are is no setting: another run would write into its folder. */
const notInherited = new Set(['base', 'name', 'output']);

/**
 * The layers of the configuration named `nameOrFile`, topmost first.
 * @throws UserError when a file cannot be read, or a base is no text or leads back to itself.
 */
export function readLayers(nameOrFile: string, workingFolder: string): readonly [Source, ...Source[]] {
  const top = sourceOf(nameOrFile, workingFolder);
  const layers: [Source, ...Source[]] = [top];
  const seen = [nameOrFile];
  for (let layer = top; ; ) {
    const base = valueAt(layer.value, ['base']);
    if (base === undefined) return layers;
    const issue = { ...layer.place(['base']), field: 'base' };
    if (typeof base !== 'string' || base === '') {
      const message = `expected a built-in configuration or a file, found ${describe(base)}`;
      throw new UserError({ ...issue, message });
    }
    const name = baseName(base, layer.folder, workingFolder);
    if (seen.includes(name)) {
      throw new UserError({ ...issue, message: `leads back to itself: ${[...seen, name].join(' → ')}` });
    }
    seen.push(name);
    layer = sourceOf(name, workingFolder, issue);
    layers.push(layer);
  }
}

/** A built-in configuration's name, or the path of a file as it is shown in errors. */
export function baseName(base: string, folder: string, workingFolder: string): string {
  if (Object.hasOwn(presets, base)) return base;
  const path = resolve(folder, base);
  return existsSync(path) ? shownPath(path, workingFolder) : base;
}

/** Relative to the working folder where it lies below or beside it, absolute otherwise. */
export function shownPath(path: string, workingFolder: string): string {
  return isAbsolute(relative(workingFolder, path)) ? path : relative(workingFolder, path) || '.';
}

/** All layers as one value: sections key by key, everything else from the topmost layer that has it. */
export function mergedLayers(layers: readonly Source[]): unknown {
  return layers
    .map(({ value }, index) => (index === 0 ? without(value, ['base']) : without(value, notInherited)))
    .reduceRight((below, above) => merged(below, above));
}

/** `above` where it says something, `below` elsewhere; sections are gone through key by key. */
export function merged(below: unknown, above: unknown): unknown {
  if (above === undefined) return below;
  if (!isObject(below) || !isObject(above)) return above;
  // Built from entries, so that a key such as __proto__ is a key like any other.
  const keys = new Set([...Object.keys(below), ...Object.keys(above)]);
  return Object.fromEntries(
    [...keys].map((key) => [key, merged(valueAt(below, [key]), valueAt(above, [key]))]),
  );
}

/** The layer that says most of what is at `path`; the topmost one where several do. */
export function layerOf(layers: readonly [Source, ...Source[]], path: readonly PropertyKey[]): Source {
  const known = ({ value }: Source) => {
    const depth = path.findIndex((_, index) => valueAt(value, path.slice(0, index + 1)) === undefined);
    return depth === -1 ? path.length : depth;
  };
  const most = Math.max(...layers.map(known));
  return layers.find((layer) => known(layer) === most) ?? layers[0];
}

function sourceOf(nameOrFile: string, workingFolder: string, named?: Partial<Issue>): Source {
  const preset = Object.hasOwn(presets, nameOrFile) ? presets[nameOrFile] : undefined;
  if (preset !== undefined) {
    const file = `built-in configuration ${nameOrFile}`;
    return { value: preset, name: nameOrFile, folder: '.', place: () => ({ file }) };
  }
  const known = Object.keys(presets);
  if (named !== undefined && !existsSync(resolve(workingFolder, nameOrFile))) {
    throw new UserError({
      ...named,
      message: `no such file, and no built-in configuration: ${nameOrFile}`,
      hint: didYouMean(nameOrFile, known) ?? `built-in configurations: ${known.join(', ')}`,
    });
  }
  return readYaml(nameOrFile, {
    workingFolder,
    hint: didYouMean(nameOrFile, known) ?? `built-in configurations: ${known.join(', ')}`,
    keysHint: 'see `coin config` for every key with its default',
  });
}

function without(value: unknown, keys: Iterable<string>): unknown {
  if (!isObject(value)) return value;
  const left = new Set(keys);
  return Object.fromEntries(Object.entries(value).filter(([key]) => !left.has(key)));
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, key) => {
    const isThere = typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key);
    return isThere ? (inner as Readonly<Record<PropertyKey, unknown>>)[key] : undefined;
  }, value);
}
